/** @file PCam: patches of lymph nodes with or without a tumour, in HDF5 files. Veeling et al., 2018. */

import { join } from 'node:path';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { Hdf5Bytes } from '../files/hdf5.ts';
import { invalid } from '../files/text.ts';
import { googleDrive, type Index, published } from '../published.ts';

/** Pictures and labels: name, address in Google Drive and MD5 of what is packed. */
const FILES = {
  train: [
    ['train_x', '1Ka0XfEMiwgCYPdTI-vv6eUElOBnKFKQ2', '1571f514728f59376b705fc836ff4b63'],
    ['train_y', '1269yhu3pZDP8UYFQs-NYs3FPwuK-nGSG', '35c2d7259d906cfc8143347bb8e05be7'],
  ],
  test: [
    ['test_x', '1qV65ZqZvWzuIVthK8eVDhIwrbnsJdbg_', 'd8c2d60d490dbd479f8199bdfa0cf6ec'],
    ['test_y', '17BHrSrwWKjYsOgTMmoqrIjDy6Fa2o_gP', '60a7035772fbdb7f34eb86d4420cf66a'],
  ],
  val: [
    ['valid_x', '1hgshYGWK8V-eGRy8LToWJJgDU_rXWVJ3', 'd5b63470df7cfa627aeec8b9dc0c066e'],
    ['valid_y', '1bH8ZRbhSVAhScTS0p9-ZzGnX91cHT3uO', '2b85f58b927af9964a4c15b8f7e8f179'],
  ],
} as const;
const fileOf = (part: string): string => join('pcam', `camelyonpatch_level_2_split_${part}.h5`);

/**
 * Patches of 96×96 pixels, 1 where there is a tumour in the middle. Files: `root/pcam/camelyonpatch_level_2_split_<split>_{x,y}.h5`.
 */
export const PCAM = published({
  name: 'PCAM',
  choices: { split: ['train', 'test', 'val'] },
  needs: ({ split }) => FILES[split].map(([part]) => fileOf(part)),
  downloads: ({ split }) =>
    FILES[split].map(([part, id, md5]) => ({
      url: googleDrive(id),
      file: `${fileOf(part)}.gz`,
      md5,
      unpack: 'pcam',
    })),
  read: (root, { split }): Index<number> => {
    const [imagePath, labelPath] = FILES[split].map(([part]) => join(root, fileOf(part))) as [string, string];
    const labelFile = new Hdf5Bytes(labelPath, 'y');
    const targets = Uint8Array.from({ length: labelFile.shape[0] ?? 0 }, (_, i) => labelFile.row(i)[0] ?? 0);
    labelFile.close();
    const images = new Hdf5Bytes(imagePath, 'x');
    const [count, height = 0, width = 0, channels] = images.shape;
    if (count !== targets.length || channels !== 3) {
      images.close();
      throw invalid(
        imagePath,
        `it holds [${images.shape.join(', ')}], expected a colour picture for each of ${targets.length} labels`,
      );
    }
    return {
      targets,
      classes: ['no tumour', 'tumour'],
      samples: {
        length: count,
        load: (index): DecodedImage => ({ data: images.row(index), height, width, channels }),
        finish: (index, loaded) => [imageToTensor(loaded as DecodedImage), targets[index] as number],
        describe: (index) => `${imagePath}, image ${index}`,
        dispose: () => images.close(),
      },
    };
  },
});
