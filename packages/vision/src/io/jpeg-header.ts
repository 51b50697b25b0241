/** @file Reads from a JPEG's header how many colour components it has: four mean CMYK, which decoders treat differently. */

export interface JpegHeader {
  readonly components: number;
  /** Written by a program that follows Adobe's conventions: with four components, 255 means no ink. */
  readonly adobe: boolean;
}

const ADOBE = [0x41, 0x64, 0x6f, 0x62, 0x65];

/** Undefined where `bytes` is no JPEG or its header is cut off. */
export function jpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  let adobe = false;
  let at = 2;
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] as number;
    // Any number of 0xff may stand before a marker.
    if (marker === 0xff) at++;
    else if (isFrame(marker)) return { components: bytes[at + 9] as number, adobe };
    else if (marker === 0xd9 || marker === 0xda) return undefined;
    else {
      adobe ||= marker === 0xee && ADOBE.every((letter, i) => bytes[at + 4 + i] === letter);
      at += 2 + ((bytes[at + 2] as number) << 8) + (bytes[at + 3] as number);
    }
  }
  return undefined;
}

/** Start-of-frame markers; 0xc4, 0xc8 and 0xcc among them mean other things. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
