/** @file Photos with sentences that describe them: SBU, Flickr8k, Flickr30k. */

import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { data, type Tensor } from '@edgeai/torch';
import { downloadFile } from '../../download.ts';
import { invalid, readLines, readText } from '../files/text.ts';
import { compareStrings, expandHome } from '../listing.ts';
import { type Index, PublishedDataset, published } from '../published.ts';
import { fromFiles, values } from '../samples.ts';
import type { VisionDatasetOptions } from '../vision-dataset.ts';

const SBU_URLS = 'dataset/SBU_captioned_photo_dataset_urls.txt';
const SBU_CAPTIONS = 'dataset/SBU_captioned_photo_dataset_captions.txt';

/**
 * A million photos with a caption each. Files: `root/dataset/SBU_captioned_photo_dataset_urls.txt`, `…_captions.txt` and the
 * photos beside them; those that are not there are left out, since many have vanished from the net. Ordonez et al., 2011.
 */
export const SBU = published({
  name: 'SBU',
  choices: {},
  needs: () => [SBU_URLS, SBU_CAPTIONS],
  downloads: () => [
    {
      url: 'https://www.cs.rice.edu/~vo9/sbucaptions/SBUCaptionedPhotoDataset.tar.gz',
      file: 'SBUCaptionedPhotoDataset.tar.gz',
      md5: '9aec147b3488753cf758b4d493422285',
      unpack: '',
    },
  ],
  arrange: async (root) => {
    // Photos that people took back are no reason to stop.
    for (const url of readLines(join(root, SBU_URLS)))
      await downloadFile(url, join(root, 'dataset', basename(url)), { retries: 0 }).catch(() => {});
  },
  read: (root): Index<string> => {
    const captions = readText(join(root, SBU_CAPTIONS)).split('\n');
    const photos = readText(join(root, SBU_URLS))
      .split('\n')
      .map((url, i) => ({ path: join(root, 'dataset', basename(url.trim())), caption: captions[i]?.trim() ?? '' }))
      .filter(({ path }) => basename(path) !== 'dataset' && existsSync(path));
    return {
      samples: fromFiles(
        photos.map(({ path }) => path),
        values(photos.map(({ caption }) => caption)),
      ),
    };
  },
});

export type CaptionOptions<T, Y> = VisionDatasetOptions<Tensor, T, Y, readonly string[]>;

function captioned(captions: ReadonlyMap<string, readonly string[]>): Index<readonly string[]> {
  const paths = [...captions.keys()].sort(compareStrings);
  return { samples: fromFiles(paths, values(paths.map((path) => captions.get(path) ?? []))) };
}

/** Photos with five captions each: [picture, captions]. `captions` is the HTML page of the data set; photos are `root/<id>_*.jpg`. */
@data.portable(import.meta.url)
export class Flickr8k<T = Tensor, Y = readonly string[]> extends PublishedDataset<readonly string[], T, Y> {
  constructor(root: string, captions: string, options: CaptionOptions<T, Y> = {}) {
    super(expandHome(root), {}, captioned(readFlickrPage(expandHome(root), expandHome(captions))), options);
  }
}

function readFlickrPage(root: string, page: string): Map<string, string[]> {
  const photos = new Map(
    readdirSync(root).flatMap((name) => {
      const id = /^(.*?)_.*\.jpg$/.exec(name)?.[1];
      return id === undefined ? [] : [[id, join(root, name)] as const];
    }),
  );
  const found = new Map<string, string[]>();
  let current: string[] | undefined;
  const html = readText(page);
  const table = html.slice(Math.max(0, html.indexOf('<table')));
  for (const [, link, item, missing] of table.matchAll(/<a\b[^>]*>([^<]*)<\/a>|<li>([^<]*)|(Image Not Found)/g)) {
    if (missing !== undefined) current = undefined;
    else if (link !== undefined) {
      const id = link.trim().split('/').at(-2) ?? '';
      const path = photos.get(id);
      if (path === undefined) throw invalid(page, `there is no photo ${id}_*.jpg in ${root}`);
      current = [];
      found.set(path, current);
    } else if (item !== undefined) current?.push(item.trim());
  }
  return found;
}

/** Photos with five captions each: [picture, captions]. `captions` has lines of `<photo>#<number><tab><caption>`; photos are in `root`. */
@data.portable(import.meta.url)
export class Flickr30k<T = Tensor, Y = readonly string[]> extends PublishedDataset<readonly string[], T, Y> {
  constructor(root: string, captions: string, options: CaptionOptions<T, Y> = {}) {
    const folder = expandHome(root);
    const found = new Map<string, string[]>();
    for (const line of readLines(expandHome(captions))) {
      const [name = '', caption] = line.split('\t');
      if (caption === undefined)
        throw invalid(captions, `expected a photo, a tab and a caption but found ${JSON.stringify(line)}`);
      const path = join(folder, name.replace(/#\d+$/, ''));
      const list = found.get(path);
      if (list === undefined) found.set(path, [caption]);
      else list.push(caption);
    }
    super(folder, {}, captioned(found), options);
  }
}
