/** @file Which models the tests build by default; EDGEAI_FULL=1 has them all, which takes minutes and gigabytes. For tests only. */

/** One of each family, and others that are built in a moment. */
const QUICK = new Set([
  ...['alexnet', 'convnext_tiny', 'densenet121', 'efficientnet_b0', 'efficientnet_b1', 'googlenet', 'inception_v3'],
  ...['mnasnet0_5', 'mnasnet1_0', 'mobilenet_v2', 'mobilenet_v3_large', 'mobilenet_v3_small', 'regnet_x_400mf'],
  ...['regnet_y_400mf', 'resnet18', 'resnet50', 'resnext50_32x4d', 'shufflenet_v2_x0_5', 'shufflenet_v2_x1_5'],
  ...['squeezenet1_0', 'squeezenet1_1', 'swin_t', 'swin_v2_t', 'vgg11', 'vit_b_32', 'maxvit_t'],
  ...['deeplabv3_mobilenet_v3_large', 'fcn_resnet50', 'lraspp_mobilenet_v3_large'],
  ...['mc3_18', 'mvit_v2_s', 'r2plus1d_18', 's3d', 'swin3d_t', 'raft_large', 'raft_small'],
]);

/** Why a test of this model is skipped; `false` where it is not. Models in `except` are skipped as if they were not quick. */
export function skipUnlessQuick(name: string, except: readonly string[] = []): string | false {
  const quick = QUICK.has(name) && !except.includes(name);
  return process.env.EDGEAI_FULL === '1' || quick ? false : 'runs with EDGEAI_FULL=1';
}
