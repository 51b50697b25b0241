"""Freezes what PyTorch's layers and losses compute, for the tests of src/nn: run with a Python that has torch.

    python3 scripts/make-nn-fixtures.py

For every case: seed 0, construct; seed 1, draw the inputs; seed 2, run forward (in evaluation mode after one training pass
where `eval` is set); seed 3, draw a gradient and run backward. The cases in src/nn/{layers,activations,losses}.test.ts have
the same names and do the same. Dropout and Gumbel softmax are not among them: their random numbers depend on whether
libtorch was built with MKL.
"""

import json
import pathlib
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

warnings.filterwarnings('ignore')
FIXTURES = pathlib.Path(__file__).parent.parent / 'src/nn/fixtures'
CASES = {'layers': {}, 'activations': {}, 'losses': {}}


def case(name, build, *inputs, eval=False, **options):
    assert name not in group, name
    group[name] = (build, inputs, eval, options)


# Inputs are drawn one after the other; the ones made by R, P and L take part in backward.
def R(*shape):
    return lambda: torch.randn(shape).requires_grad_()


def P(*shape):
    return lambda: torch.rand(shape).requires_grad_()


def L(*shape):
    return lambda: torch.randn(shape).log_softmax(1).requires_grad_()


def N(*shape):
    return lambda: torch.randn(shape)


def U(*shape):
    return lambda: torch.rand(shape)


def I(high, *shape):
    return lambda: torch.randint(0, high, shape)


def S(*shape):
    return lambda: torch.randint(0, 2, shape).float() * 2 - 1


def K(values):
    return lambda: torch.tensor(values)


# The input before, the very same object.
SAME = None


group = CASES['layers']

# Convolutions
case('conv1d', lambda: nn.Conv1d(3, 4, 3, padding=1), R(2, 3, 9))
case('conv2d', lambda: nn.Conv2d(3, 8, 3), R(2, 3, 9, 9))
case('conv2d strided', lambda: nn.Conv2d(3, 8, (3, 5), stride=2, padding=(1, 2), bias=False), R(2, 3, 9, 9))
case('conv2d depthwise', lambda: nn.Conv2d(4, 8, 3, groups=4, dilation=2, padding=2), R(2, 4, 9, 9))
case('conv2d same', lambda: nn.Conv2d(3, 4, 4, padding='same', dilation=2), R(2, 3, 9, 9))
case('conv2d valid', lambda: nn.Conv2d(3, 4, 3, padding='valid'), R(2, 3, 9, 9))
case('conv2d reflect', lambda: nn.Conv2d(3, 4, 3, padding=(1, 2), padding_mode='reflect'), R(2, 3, 9, 9))
case('conv2d replicate', lambda: nn.Conv2d(3, 4, 3, padding=2, padding_mode='replicate'), R(2, 3, 9, 9))
case('conv2d circular', lambda: nn.Conv2d(3, 4, (3, 5), padding=(1, 2), padding_mode='circular'), R(2, 3, 9, 9))
case('conv2d same circular', lambda: nn.Conv2d(3, 4, 4, padding='same', padding_mode='circular'), R(2, 3, 9, 9))
case('conv2d unbatched', lambda: nn.Conv2d(3, 4, 3), R(3, 9, 9))
case('conv3d', lambda: nn.Conv3d(2, 4, 3, stride=(1, 2, 2), padding=1), R(2, 2, 5, 5, 5))
case('convTranspose1d', lambda: nn.ConvTranspose1d(3, 4, 3, stride=2), R(2, 3, 5))
case('convTranspose2d', lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), R(2, 4, 5, 5))
case('convTranspose2d dilated', lambda: nn.ConvTranspose2d(4, 6, (3, 2), dilation=2, bias=False), R(2, 4, 5, 5))
case('convTranspose3d', lambda: nn.ConvTranspose3d(2, 4, 2, stride=2), R(2, 2, 3, 3, 3))

# Matrices, tables
case('linear', lambda: nn.Linear(5, 3), R(4, 5))
case('linear without bias', lambda: nn.Linear(5, 3, bias=False), R(2, 4, 5))
case('bilinear', lambda: nn.Bilinear(5, 4, 3), R(4, 5), R(4, 4))
case('identity', lambda: nn.Identity(), R(4, 5))
case('embedding', lambda: nn.Embedding(7, 3, padding_idx=2), I(7, 4, 5))
case('embedding normed', lambda: nn.Embedding(7, 3, max_norm=1.5, norm_type=1.0), I(7, 4, 5))
case('embedding by frequency', lambda: nn.Embedding(7, 3, scale_grad_by_freq=True, padding_idx=-1), I(7, 4, 5))

# Normalisation
case('batchNorm1d', lambda: nn.BatchNorm1d(4), R(5, 4))
case('batchNorm1d of sequences', lambda: nn.BatchNorm1d(4), R(5, 4, 3))
case('batchNorm2d', lambda: nn.BatchNorm2d(4, eps=1e-3, momentum=0.01), R(3, 4, 5, 5))
case('batchNorm2d eval', lambda: nn.BatchNorm2d(4), R(3, 4, 5, 5), eval=True)
case('batchNorm2d cumulative', lambda: nn.BatchNorm2d(4, momentum=None), R(3, 4, 5, 5), eval=True)
case('batchNorm2d untracked', lambda: nn.BatchNorm2d(4, track_running_stats=False), R(3, 4, 5, 5), eval=True)
case('batchNorm2d not affine', lambda: nn.BatchNorm2d(4, affine=False), R(3, 4, 5, 5))
case('batchNorm3d', lambda: nn.BatchNorm3d(2), R(3, 2, 3, 3, 3))
case('groupNorm', lambda: nn.GroupNorm(2, 6), R(3, 6, 4, 4))
case('layerNorm', lambda: nn.LayerNorm(6), R(3, 4, 6))
case('layerNorm over two', lambda: nn.LayerNorm([4, 6], eps=1e-6, elementwise_affine=False), R(3, 4, 6))
case('instanceNorm1d', lambda: nn.InstanceNorm1d(4), R(3, 4, 6))
case('instanceNorm2d', lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), R(3, 4, 5, 5), eval=True)
case('instanceNorm2d unbatched', lambda: nn.InstanceNorm2d(4), R(4, 5, 5))
case('instanceNorm3d', lambda: nn.InstanceNorm3d(2), R(3, 2, 3, 3, 3))
case('localResponseNorm', lambda: nn.LocalResponseNorm(3, alpha=0.1, k=2.0), R(2, 5, 4, 4))
case('localResponseNorm 1d', lambda: nn.LocalResponseNorm(2), R(2, 5, 4))

# Pooling
case('maxPool1d', lambda: nn.MaxPool1d(3), R(2, 3, 9))
case('maxPool2d', lambda: nn.MaxPool2d(3, stride=2, padding=1), R(2, 3, 9, 9))
case('maxPool2d dilated', lambda: nn.MaxPool2d((2, 3), dilation=2, ceil_mode=True), R(2, 3, 9, 9))
case('maxPool2d indices', lambda: nn.MaxPool2d(2, return_indices=True), R(2, 3, 8, 8))
case('maxPool3d', lambda: nn.MaxPool3d(2), R(2, 2, 4, 4, 4))
case('avgPool1d', lambda: nn.AvgPool1d(3, stride=2), R(2, 3, 9))
case('avgPool2d', lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False, ceil_mode=True), R(2, 3, 9, 9))
case('avgPool2d divisor', lambda: nn.AvgPool2d((2, 3), divisor_override=5), R(2, 3, 9, 9))
case('avgPool3d', lambda: nn.AvgPool3d(2), R(2, 2, 4, 4, 4))
case('adaptiveAvgPool1d', lambda: nn.AdaptiveAvgPool1d(4), R(2, 3, 9))
case('adaptiveAvgPool2d', lambda: nn.AdaptiveAvgPool2d((None, 4)), R(2, 3, 9, 9))
case('adaptiveAvgPool2d to one', lambda: nn.AdaptiveAvgPool2d(1), R(2, 3, 9, 9))
case('adaptiveAvgPool3d', lambda: nn.AdaptiveAvgPool3d(2), R(2, 2, 4, 4, 4))
case('adaptiveMaxPool1d', lambda: nn.AdaptiveMaxPool1d(4), R(2, 3, 9))
case('adaptiveMaxPool2d', lambda: nn.AdaptiveMaxPool2d((3, None)), R(2, 3, 9, 9))
case('adaptiveMaxPool2d indices', lambda: nn.AdaptiveMaxPool2d(3, return_indices=True), R(2, 3, 9, 9))
case('adaptiveMaxPool3d', lambda: nn.AdaptiveMaxPool3d(2), R(2, 2, 4, 4, 4))
case('maxUnpool2d', lambda: nn.MaxUnpool2d(2), R(1, 1, 2, 2), K([[[[0, 3], [9, 14]]]]))
case('lpPool1d', lambda: nn.LPPool1d(2, 3, ceil_mode=True), R(2, 3, 8))
case('lpPool2d', lambda: nn.LPPool2d(2, (2, 3), stride=2), R(2, 3, 8, 8))
case('fractionalMaxPool2d', lambda: nn.FractionalMaxPool2d(2, output_size=5), R(2, 3, 9, 9))
case('fractionalMaxPool2d ratio', lambda: nn.FractionalMaxPool2d(2, output_ratio=(0.5, 0.7)), R(2, 3, 9, 9))
case('fractionalMaxPool3d', lambda: nn.FractionalMaxPool3d(2, output_size=(2, 3, 3)), R(1, 2, 5, 5, 5))

# Shapes and sizes
case('upsample nearest', lambda: nn.Upsample(scale_factor=2), R(2, 3, 4, 4))
case('upsample nearest 1.5', lambda: nn.Upsample(scale_factor=(1.5, 2.3)), R(2, 3, 5, 5))
case('upsample nearest-exact', lambda: nn.Upsample(size=(7, 9), mode='nearest-exact'), R(2, 3, 5, 5))
case('upsample linear', lambda: nn.Upsample(scale_factor=2.6, mode='linear'), R(2, 3, 5))
case('upsample bilinear', lambda: nn.Upsample(scale_factor=2.3, mode='bilinear'), R(2, 3, 5, 5))
case('upsample bilinear recomputed', lambda: nn.Upsample(scale_factor=2.3, mode='bilinear', recompute_scale_factor=True), R(2, 3, 5, 5))
case('upsample bilinear aligned', lambda: nn.Upsample(size=7, mode='bilinear', align_corners=True), R(2, 3, 5, 5))
case('upsample bicubic', lambda: nn.Upsample(scale_factor=1.7, mode='bicubic'), R(2, 3, 5, 5))
case('upsample trilinear', lambda: nn.Upsample(scale_factor=2, mode='trilinear'), R(1, 2, 3, 3, 3))
case('upsample area', lambda: nn.Upsample(scale_factor=0.6, mode='area'), R(2, 3, 7, 7))
case('upsamplingNearest2d', lambda: nn.UpsamplingNearest2d(scale_factor=3), R(2, 3, 4, 4))
case('upsamplingBilinear2d', lambda: nn.UpsamplingBilinear2d(size=(6, 7)), R(2, 3, 4, 4))
case('pixelShuffle', lambda: nn.PixelShuffle(2), R(2, 8, 3, 3))
case('pixelUnshuffle', lambda: nn.PixelUnshuffle(2), R(2, 2, 4, 4))
case('channelShuffle', lambda: nn.ChannelShuffle(2), N(2, 6, 3, 3))
case('zeroPad2d', lambda: nn.ZeroPad2d((1, 2, 0, -1)), R(2, 3, 4, 4))
case('constantPad1d', lambda: nn.ConstantPad1d(2, 3.5), R(2, 3, 4))
case('constantPad3d', lambda: nn.ConstantPad3d(1, -1), R(1, 2, 3, 3, 3))
case('reflectionPad1d', lambda: nn.ReflectionPad1d((2, 1)), R(2, 3, 4))
case('reflectionPad2d', lambda: nn.ReflectionPad2d((1, 2, 3, 0)), R(2, 3, 4, 4))
case('replicationPad2d', lambda: nn.ReplicationPad2d(2), R(2, 3, 4, 4))
case('replicationPad3d', lambda: nn.ReplicationPad3d(1), R(1, 2, 3, 3, 3))
case('flatten', lambda: nn.Flatten(), R(2, 3, 4, 4))
case('unflatten', lambda: nn.Unflatten(1, (2, 3)), R(2, 6, 4))
case('unfold', lambda: nn.Unfold((2, 3), dilation=(1, 2), padding=1, stride=2), R(2, 3, 7, 7))
case('fold', lambda: nn.Fold((5, 6), (2, 3), stride=(1, 2), padding=(0, 1)), R(2, 12, 12))
case('cosineSimilarity', lambda: nn.CosineSimilarity(dim=1, eps=1e-6), R(4, 6), R(4, 6))
case('pairwiseDistance', lambda: nn.PairwiseDistance(p=1.5, keepdim=True), R(4, 6), R(4, 6))

# Attention
case('attention', lambda: nn.MultiheadAttention(8, 2), R(5, 2, 8), SAME, SAME)
case('attention unbatched', lambda: nn.MultiheadAttention(8, 2, bias=False), R(5, 8), R(4, 8), SAME, key_padding_mask=K([False, False, True, False]))
case('attention masked', lambda: nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True), R(2, 3, 8), R(2, 4, 8), R(2, 4, 8), key_padding_mask=K([[False, False, True, False], [False, False, False, True]]), attn_mask=N(3, 4))
case('attention of other widths', lambda: nn.MultiheadAttention(8, 4, kdim=6, vdim=4), R(3, 2, 8), R(4, 2, 6), R(4, 2, 4), attn_mask=K([[False, True, False, False]] * 3), average_attn_weights=False)
case('attention without weights', lambda: nn.MultiheadAttention(8, 2, batch_first=True), R(2, 3, 8), SAME, SAME, attn_mask=N(4, 3, 3), need_weights=False)

group = CASES['activations']

case('relu', lambda: nn.ReLU(), R(4, 6))
case('relu6', lambda: nn.ReLU6(inplace=False), R(4, 6))
case('leakyRelu', lambda: nn.LeakyReLU(0.2), R(4, 6))
case('prelu', lambda: nn.PReLU(num_parameters=6, init=0.1), R(4, 6))
case('rrelu', lambda: nn.RReLU(lower=0.1, upper=0.3), R(4, 6))
case('elu', lambda: nn.ELU(1.5), R(4, 6))
case('celu', lambda: nn.CELU(1.5), R(4, 6))
case('selu', lambda: nn.SELU(), R(4, 6))
case('gelu', lambda: nn.GELU(), R(4, 6))
case('gelu tanh', lambda: nn.GELU(approximate='tanh'), R(4, 6))
case('silu', lambda: nn.SiLU(), R(4, 6))
case('mish', lambda: nn.Mish(), R(4, 6))
case('hardswish', lambda: nn.Hardswish(), R(4, 6))
case('hardsigmoid', lambda: nn.Hardsigmoid(), R(4, 6))
case('hardtanh', lambda: nn.Hardtanh(min_val=-0.5, max_val=0.75), R(4, 6))
case('sigmoid', lambda: nn.Sigmoid(), R(4, 6))
case('tanh', lambda: nn.Tanh(), R(4, 6))
case('softplus', lambda: nn.Softplus(beta=2, threshold=3), R(4, 6))
case('softsign', lambda: nn.Softsign(), R(4, 6))
case('softmax', lambda: nn.Softmax(1), R(4, 6))
case('softmax2d', lambda: nn.Softmax2d(), R(2, 3, 4, 4))
case('logSoftmax', lambda: nn.LogSoftmax(1), R(4, 6))
case('softmin', lambda: nn.Softmin(1), R(4, 6))
case('threshold', lambda: nn.Threshold(0.1, -2), R(4, 6))
case('glu', lambda: nn.GLU(1), R(4, 6))
case('tanhshrink', lambda: nn.Tanhshrink(), R(4, 6))
case('softshrink', lambda: nn.Softshrink(0.4), R(4, 6))
case('hardshrink', lambda: nn.Hardshrink(0.4), R(4, 6))
case('logSigmoid', lambda: nn.LogSigmoid(), R(4, 6))

group = CASES['losses']

case('crossEntropy', lambda: nn.CrossEntropyLoss(), R(4, 5), I(5, 4))
case('crossEntropy of images', lambda: nn.CrossEntropyLoss(ignore_index=2, reduction='none'), R(2, 5, 3, 3), I(5, 2, 3, 3))
case('crossEntropy smoothed', lambda: nn.CrossEntropyLoss(weight=torch.tensor([0.5, 1.0, 2.0, 1.5, 1.0]), label_smoothing=0.1), R(4, 5), I(5, 4))
case('crossEntropy probabilities', lambda: nn.CrossEntropyLoss(reduction='sum'), R(4, 5), U(4, 5))
case('nll', lambda: nn.NLLLoss(ignore_index=1), L(4, 5), I(5, 4))
case('bce', lambda: nn.BCELoss(weight=torch.tensor([0.5, 1.0, 2.0, 1.5, 1.0])), P(4, 5), U(4, 5))
case('bceWithLogits', lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.5, 1.0, 2.0, 1.5, 1.0])), R(4, 5), U(4, 5))
case('mse', lambda: nn.MSELoss(), R(4, 5), N(4, 5))
case('mse broadcast', lambda: nn.MSELoss(reduction='none'), R(4, 5), N(5))
case('l1', lambda: nn.L1Loss(reduction='sum'), R(4, 5), N(4, 5))
case('smoothL1', lambda: nn.SmoothL1Loss(beta=0.5), R(4, 5), N(4, 5))
case('huber', lambda: nn.HuberLoss(delta=0.5), R(4, 5), N(4, 5))
case('klDiv', lambda: nn.KLDivLoss(reduction='batchmean'), L(4, 5), U(4, 5))
case('klDiv of logs', lambda: nn.KLDivLoss(log_target=True), L(4, 5), N(4, 5))
case('cosineEmbedding', lambda: nn.CosineEmbeddingLoss(margin=0.1), R(4, 5), R(4, 5), S(4))
case('marginRanking', lambda: nn.MarginRankingLoss(margin=0.5), R(4), R(4), S(4))
case('tripletMargin', lambda: nn.TripletMarginLoss(p=1.5, swap=True), R(4, 5), R(4, 5), R(4, 5))
case('tripletMarginWithDistance', lambda: nn.TripletMarginWithDistanceLoss(margin=0.5, swap=True), R(4, 5), R(4, 5), R(4, 5))
case('hingeEmbedding', lambda: nn.HingeEmbeddingLoss(), R(4, 5), S(4, 5))
case('multiMargin', lambda: nn.MultiMarginLoss(p=2, margin=0.7), R(4, 5), I(5, 4))
case('multiLabelMargin', lambda: nn.MultiLabelMarginLoss(), R(2, 4), K([[3, 0, -1, 1], [1, -1, 0, 2]]))
case('multiLabelSoftMargin', lambda: nn.MultiLabelSoftMarginLoss(), R(4, 5), U(4, 5))
case('softMargin', lambda: nn.SoftMarginLoss(), R(4, 5), S(4, 5))
case('poissonNll', lambda: nn.PoissonNLLLoss(full=True), R(4, 5), U(4, 5))
case('gaussianNll', lambda: nn.GaussianNLLLoss(full=True), R(4, 5), N(4, 5), P(4, 1))
case('ctc', lambda: nn.CTCLoss(zero_infinity=True), L(6, 2, 3), K([[1, 2, 1], [2, 2, 0]]), K([6, 5]), K([3, 2]))


# Initialisation: each fills a tensor after seed 0.
INIT = {
    'uniform': lambda: nn.init.uniform_(torch.empty(5, 7), -0.3, 0.8),
    'normal': lambda: nn.init.normal_(torch.empty(5, 7), 1.0, 0.5),
    'constant': lambda: nn.init.constant_(torch.empty(5, 7), 0.1),
    'eye': lambda: nn.init.eye_(torch.empty(5, 7)),
    'dirac': lambda: nn.init.dirac_(torch.empty(6, 2, 3, 5), groups=3),
    'xavierUniform': lambda: nn.init.xavier_uniform_(torch.empty(5, 7, 3), gain=1.5),
    'xavierNormal': lambda: nn.init.xavier_normal_(torch.empty(5, 7, 3)),
    'kaimingUniform': lambda: nn.init.kaiming_uniform_(torch.empty(5, 7, 3, 3), a=0.2),
    'kaimingUniform fan out': lambda: nn.init.kaiming_uniform_(torch.empty(5, 7, 3, 3), mode='fan_out', nonlinearity='tanh'),
    'kaimingNormal': lambda: nn.init.kaiming_normal_(torch.empty(5, 7, 3, 3), mode='fan_out', nonlinearity='relu'),
    'truncNormal': lambda: nn.init.trunc_normal_(torch.empty(50, 7), std=0.02),
    'truncNormal cut': lambda: nn.init.trunc_normal_(torch.empty(50, 7), 0.5, 1.0, -1.0, 1.2),
    'orthogonal': lambda: nn.init.orthogonal_(torch.empty(4, 3, 2), gain=1.3),
    'orthogonal tall': lambda: nn.init.orthogonal_(torch.empty(7, 3)),
}


# Functions, called after seed 1.
def fused(conv, bn, fuse):
    for tensor in (bn.running_mean, bn.weight.data, bn.bias.data):
        tensor.normal_()
    bn.running_var.uniform_(0.5, 2)
    result = fuse(conv.eval(), bn.eval())
    return result.weight, result.bias


FUNCTIONAL = {
    'interpolate aa': lambda: F.interpolate(torch.randn(1, 2, 9, 9), scale_factor=0.4, mode='bilinear', antialias=True),
    'interpolate aa bicubic': lambda: F.interpolate(torch.randn(1, 2, 9, 9), size=(4, 5), mode='bicubic', antialias=True),
    'interpolate nearest down': lambda: F.interpolate(torch.randn(1, 2, 9, 9), scale_factor=0.7),
    'interpolate nearest recomputed': lambda: F.interpolate(torch.randn(1, 2, 9, 9), scale_factor=0.7, recompute_scale_factor=True),
    'interpolate bicubic aligned': lambda: F.interpolate(torch.randn(1, 2, 9, 9), size=5, mode='bicubic', align_corners=True),
    'pad circular': lambda: F.pad(torch.randn(1, 2, 4, 5), (1, 2, 3, 0), mode='circular'),
    'pad circular 3d': lambda: F.pad(torch.randn(1, 2, 3, 4, 5), (1, 0, 2, 1, 0, 1), mode='circular'),
    'pad reflect unbatched': lambda: F.pad(torch.randn(2, 4, 5), (1, 2, 3, 0), mode='reflect'),
    'pad constant of one dimension': lambda: F.pad(torch.randn(2, 4, 5), (1, -2), value=7.0),
    'gridSample': lambda: F.grid_sample(torch.randn(2, 3, 5, 5), torch.rand(2, 4, 4, 2) * 3 - 1.5, align_corners=False),
    'gridSample bicubic': lambda: F.grid_sample(torch.randn(2, 3, 5, 5), torch.rand(2, 4, 4, 2) * 3 - 1.5, 'bicubic', 'reflection', True),
    'gridSample nearest 3d': lambda: F.grid_sample(torch.randn(1, 2, 3, 4, 5), torch.rand(1, 2, 2, 2, 3) * 3 - 1.5, 'nearest', 'border', False),
    'affineGrid': lambda: F.affine_grid(torch.randn(2, 2, 3), (2, 3, 4, 5), align_corners=False),
    'affineGrid 3d': lambda: F.affine_grid(torch.randn(1, 3, 4), (1, 3, 2, 4, 5), align_corners=True),
    'normalize': lambda: F.normalize(torch.randn(3, 4, 5)),
    'normalize by rows': lambda: F.normalize(torch.randn(3, 4, 5), p=1.0, dim=-1),
    'unfold': lambda: F.unfold(torch.randn(1, 2, 6, 6), 3, padding=1, stride=2),
    'maxUnpool1d': lambda: F.max_unpool1d(*F.max_pool1d(torch.randn(2, 3, 9), 2, return_indices=True), 2, output_size=(9,)),
    'maxUnpool3d': lambda: F.max_unpool3d(*F.max_pool3d(torch.randn(1, 2, 4, 4, 4), 2, return_indices=True), 2),
    'softmax in double': lambda: F.softmax(torch.randn(4, 5), 0, dtype=torch.float64),
    'fuseConvBnEval': lambda: fused(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), fuse_conv_bn_eval),
    'fuseConvBnEval with bias': lambda: fused(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4, eps=1e-3), fuse_conv_bn_eval),
    'fuseConvBnEval transposed': lambda: fused(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4), lambda c, b: fuse_conv_bn_eval(c, b, transpose=True)),
    'fuseLinearBnEval': lambda: fused(nn.Linear(3, 4), nn.BatchNorm1d(4), fuse_linear_bn_eval),
}


def significant(value):
    return float(f'{float(value):.8g}')


def summary(tensor):
    values = tensor.detach().double().flatten()
    return {
        'shape': list(tensor.shape),
        'sum': significant(values.sum()),
        'abs': significant(values.abs().sum()),
        'at': [significant(values[i]) for i in sorted({0, len(values) // 2, len(values) - 1})],
    }


def bits(tensor):
    """Sum of the elements' bit patterns modulo 2^32."""
    return int(tensor.detach().contiguous().flatten().view(torch.int32).long().sum()) % 2**32


def drawn_normally(module, name):
    """Normal numbers pass through logarithms and cosines, which differ in the last bit from one processor to another."""
    return isinstance(module, nn.Embedding) or name in ('bias_k', 'bias_v')


def first(result):
    return result[0] if isinstance(result, tuple) else result


def record(build, inputs, evaluate, options):
    torch.manual_seed(0)
    module = build()
    entry = {
        'repr': repr(module).replace('NonDynamicallyQuantizableLinear', 'Linear'),
        'initial': {k: bits(v) for k, v in module.named_parameters() if not drawn_normally(module, k)},
        'initialNormal': {k: summary(v) for k, v in module.named_parameters() if drawn_normally(module, k)},
    }
    torch.manual_seed(1)
    args = []
    for make in inputs:
        args.append(args[-1] if make is SAME else make())
    options = {name: value() if callable(value) else value for name, value in options.items()}
    torch.manual_seed(2)
    if evaluate:
        module(*args, **options)
        module.eval()
    result = module(*args, **options)
    entry['outputs'] = [summary(x) for x in (result if isinstance(result, tuple) else (result,)) if x is not None]
    entry['state'] = list(module.state_dict())
    entry['buffers'] = {k: summary(v) for k, v in module.named_buffers()}
    if first(result).requires_grad:
        torch.manual_seed(3)
        first(result).backward(torch.randn(first(result).shape))
        entry['inputGradients'] = [summary(x.grad) if x.requires_grad else None for x in args]
        entry['gradients'] = {k: summary(v.grad) for k, v in module.named_parameters()}
    return entry


def seeded(seed, function):
    torch.manual_seed(seed)
    return function()


def write(name, entries):
    lines = [f'{json.dumps(key)}:{json.dumps(value, separators=(",", ":"))}' for key, value in entries.items()]
    (FIXTURES / f'{name}.json').write_text('{\n' + ',\n'.join(lines) + '\n}\n')
    print(f'{name}: {len(entries)} cases')


if __name__ == '__main__':
    FIXTURES.mkdir(exist_ok=True)
    print(f'torch {torch.__version__}')
    for group_name, cases in CASES.items():
        write(group_name, {name: record(*case) for name, case in cases.items()})
    write('init', {name: {'bits': bits(x), **summary(x)} for name, f in INIT.items() for x in [seeded(0, f)]})
    results = {name: seeded(1, f) for name, f in FUNCTIONAL.items()}
    write('functional', {name: [summary(x) for x in (r if isinstance(r, tuple) else (r,))] for name, r in results.items()})
