"""Freezes recorded keys, shapes and outputs of the edgeailite networks into small fixtures.

    python3 make-model-fixtures.py STATEDICT_FOLDER OUTPUTS.json

The folder holds one JSON file a network, `{key: shape}` in order; the file holds outputs for networks filled by the formula of
`packages/vision/src/testing/fill.ts` (`order: 'sorted'`).
"""
import json
import sys
import zlib
from pathlib import Path

folder, outputs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
target = Path(__file__).parent.parent / 'src' / 'models' / 'fixtures'

MOTION = {'inputChannels': [3, 3], 'outputChannels': [2], 'asppDil': [2, 4, 6]}
MULTITASK = {'inputChannels': [3, 3], 'outputChannels': [1, 19, 2], 'asppDil': [2, 4, 6]}
CIFAR = {'strides': [1, 1, 1, 2, 2], 'numClasses': 100}
RAW = {'outputType': ['raw']}
TYPES = {'outputType': ['depth', 'segmentation', 'segmentation']}
OPTIONS = {
    '': {},
    'cifar': CIFAR,
    'logits': RAW,
    'logits-384x768': RAW,
    'argmax': {},
    'depth': {'outputType': ['depth'], 'outputChannels': [1], 'outputRange': [[0, 128]]},
    'motion-2in': MOTION,
    'motion-2in-argmax': MOTION,
    'motion-2in-logits': {**MOTION, **RAW},
    'multitask2-1in': {'outputChannels': [1, 19], 'outputType': ['depth', 'segmentation']},
    'multitask3-2in': {**MULTITASK, **TYPES},
    'multitask3-2in-5class': {**MULTITASK, **TYPES, 'outputChannels': [1, 5, 2]},
    'multitask3-2in-logits': {**MULTITASK, 'outputType': ['raw', 'raw', 'raw']},
}
INTERPOLATION = ['deconv', 'upsample_conv', 'upsample_dwconv', 'upsample_dwconv3_dil3', 'subpixel_conv', 'pixel_shuffle']
OPTIONS.update({name: {'interpolationType': name, **RAW} for name in INTERPOLATION})


def split(name):
    model, _, variant = name.partition('@')
    return model, OPTIONS[variant]


states = []
for path in sorted(folder.glob('*.json')):
    model, options = split(path.stem)
    state = json.loads(path.read_text())
    lines = '\n'.join(f'{key} {",".join(map(str, shape))}' for key, shape in state.items())
    states.append({'model': model, 'options': options, 'entries': len(state), 'crc32': zlib.crc32(lines.encode())})
(target / 'state-dicts.json').write_text('[\n' + ',\n'.join(json.dumps(row) for row in states) + '\n]\n')

runs = []
for name, record in outputs['models'].items():
    model, options = split(name)
    for run in record['runs'].values():
        kept = ('shape', 'dtype', 'l2', 'first', 'even', 'histogram')
        made = [{key: output[key] for key in kept if key in output} for output in run['outputs']]
        runs.append({
            'name': name, 'model': model, 'options': options, 'gain': run['gain'], 'fillSum': run['fill_sum32'],
            'inputs': run['inputs'], 'outputs': made,
        })
(target / 'outputs.json').write_text('[\n' + ',\n'.join(json.dumps(row) for row in runs) + '\n]\n')
