/** @file A small font of dots, so that labels can be written without the system having fonts: printable ASCII, 5 dots wide, 8 high. */

/** Columns from left to right, two hexadecimal digits each; the lowest bit is the topmost dot. In ASCII's order from the space on. */
const GLYPHS = [
  '0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0000070000',
  '001c224100 0041221c00 2a1c3e1c2a 08083e0808 0080600000 0808080808 0060600000 2010080402',
  '3e5149453e 00427f4000 4261514946 2241494936 1814127f10 2745454539 3c4a494930 0171090503',
  '3649494936 064949291e 0036360000 0080760000 0814224100 1414141414 0041221408 0201510906',
  '3e41595506 7e0909097e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e4149497a',
  '7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e',
  '7f09090906 3e4151215e 7f09192946 4649494931 01017f0101 3f4040403f 1f2040201f 3f4038403f',
  '6314081463 0708700807 6151494543 007f414100 0204081020 0041417f00 0402010204 8080808080',
  '0001020400 2054545478 7f44444438 3844444428 384444447f 3854545418 087e090102 18a4a4a47c',
  '7f04040478 00447d4000 4080847d00 7f10284400 00417f4000 7c04780478 7c04040478 3844444438',
  'fc24242418 18242424fc 7c08040408 4854545424 043f444020 3c4040407c 1c2040201c 3c4030403c',
  '4428102844 1ca0a0a07c 4464544c44 0008364100 00007f0000 0041360800 1008081008',
]
  .join(' ')
  .split(' ');

const FIRST = 0x20;
/** Dots from the left of one character to that of the next. */
const ADVANCE = 6;
const HEIGHT = 8;

/** Dots across and down that a line of text takes. */
export function textDots(text: string): { width: number; height: number } {
  return { width: Math.max(0, plain(text).length * ADVANCE - 1), height: HEIGHT };
}

/** Calls `dot` for each dot of a line of text, with its distance from the top left. Letters lose their accents; '?' stands for others. */
export function forEachDot(text: string, dot: (x: number, y: number) => void): void {
  [...plain(text)].forEach((character, position) => {
    const glyph = GLYPHS[character.charCodeAt(0) - FIRST] ?? GLYPHS['?'.charCodeAt(0) - FIRST] ?? '';
    for (let column = 0; column < glyph.length / 2; column++) {
      const dots = Number.parseInt(glyph.slice(2 * column, 2 * column + 2), 16);
      for (let row = 0; row < HEIGHT; row++) if ((dots >> row) & 1) dot(position * ADVANCE + column, row);
    }
  });
}

/** Without accents, one UTF-16 unit a character. */
function plain(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^ -~]/gu, '?');
}
