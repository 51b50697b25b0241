/** @file Colour maps: five well-known ones as OpenCV has them, 256 colours each. */

import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';

/** Red, green and blue of 256 colours one after the other, as base64. Magma and plasma: van der Walt and Smith, 2015; turbo: Mikhailov, 2019. */
const MAPS = {
  rainbow:
    '/wAA/wIA/wUA/wgA/woA/wwA/w8A/xIA/xQA/xYA/xkA/xsA/x4A/yAA/yMA/yYA/ygA/yoA/y0A/zAA/zIA/zQA/zcA/zkA/zwA/z4A/0EA/0QA/0YA/0gA/0sA/04A/1AA/1IA/1UA/1gA/1oA/1wA/18A/2IA/2QA/2YA/2kA/2wA/24A/3AA/3MA/3UA/3gA/3oA/30A/4AA/4IA/4QA/4cA/4oA/4wA/44A/5EA/5QA/5YA/5gA/5sA/54A/6AA/6IA/6UA/6gA/6oA/6wA/68A/7IA/7QA/7YA/7kA/7wA/74A/8AA/8MA/8YA/8gA/8oA/80A/9AA/9IA/9QA/9cA/9oA/9wA/98A/+EA/+QA/+YA/+gA/+sA/+4A//AA//MA//UA//gA//oA//wA/P0A+P4A9P4A8P8A6/8A5v8A4f8A3P8A1/8A0v8Azf8AyP8Aw/8Avv8Auf8AtP8Ar/8Aqv8Apf8AoP8Am/8Alv8Akf8AjP8Ah/8Agv8Aff8AeP8Ac/8Abv8Aaf8AZP8AX/8AWv8AVf8AUP8AS/8ARv8AQf8APP8AN/8AMv8ALf8AKP8AI/8AHv8AGf8AFP8AD/8AC/4BB/0CA/wDAPoFAPUKAPAPAOsUAOYZAOEeANwjANcoANItAM0yAMg3AMM8AL5BALlGALRLAK9QAKpVAKVaAKBfAJtkAJZpAJFuAIxzAId4AIJ9AH2CAHiHAHOMAG6RAGmWAGSbAF+gAFqlAFWqAFCvAEu0AEa5AEG+ADzDADfIADLNAC3SACjXACPcAB7hABnmABTrAA/wAAr1AQf4AwX6BQP8BwH+CgD/DQD/EQD/FAD/FwD/GwD/HgD/IQD/JQD/KAD/KwD/LwD/MgD/NQD/OQD/PAD/PwD/QwD/RgD/SQD/TQD/UAD/UwD/VwD/WgD/XQD/YQD/ZAD/ZwD/awD/bgD/cQD/dQD/eAD/ewD/fwD/ggD/hQD/iQD/jAD/jwD/kwD/lgD/mQD/nQD/oAD/owD/pwD/qgD/',
  magma:
    'AAAEAQAFAQEGAQEIAgEJAgILAgINAwMPAwMSBAQUBQQWBgUYBgUaBwYcCAceCQcgCggiCwkkDAkmDQopDgsrEAstEQwvEg0xEw00FA42FQ44Fg87GA89GRA/GhBCHBBEHRFHHhFJIBFLIRFOIhFQJBJTJRJVJxJYKRFaKhFcLBFfLRFhLxFjMRFlMxBnNBBpNhBrOBBsOQ9uOw9wPQ9xPw9yQA90Qg91RA92RRB3RxB4SRB4ShB5TBF6ThF7TxJ7URJ8UhN8VBN9VhR9VxV+WRV+WhZ+XBZ/XRd/Xxh/YBiAYhmAZBqAZRqAZxuAaByBahyBax2BbR2Bbh6BcB+Bch+BcyCBdSGBdiGBeCKBeSKCeyOCfCOCfiSCgCWCgSWBgyaBhCaBhieBiCeBiSiBiymBjCmBjiqBkCqBkSuBkyuAlCyAliyAmC2AmS2Amy5/nC5/ni9/oC9/oTB+ozB+pTF+pjF9qDJ9qjN9qzN8rTR8rjR7sDV7sjV7szZ6tTZ6tzd5uDd5ujh4vDl4vTl3vzp3wDp2wjt1xDx1xTx0xz1zyD5zyj5yzD9xzUBxz0Bw0EFv0kJv00Nu1URt1kVs2EVs2UZr20dq3Ehp3klo30po4Exn4k1m405l5E9k5VBk51Jj6FNi6VRi6lZh61dg7Fhg7Vpf7lte711e8F9e8WBd8mJd8mRc82Vc9Gdc9Glc9Wtc9mxc9m5c93Bc93Jc+HRc+HZc+Xhd+Xld+Xtd+n1e+n9e+oFf+4Nf+4Vg+4dh/Ilh/Ipi/Ixj/I5k/JBl/ZJm/ZRn/ZZo/Zhp/Zpq/Ztr/p1s/p9t/qFu/qNv/qVx/qdy/qlz/qp0/qx2/q53/rB4/rJ6/rR7/rZ8/rd+/rl//ruB/r2C/r+E/sGF/sKH/sSI/saK/siM/sqN/syP/s2Q/s+S/tGU/tOV/tWX/teZ/tia/dqc/dye/d6g/eCh/eKj/eOl/eWn/eep/emq/eus/Oyu/O6w/PCy/PK0/PS2/Pa4/Pe5/Pm7/Pu9/P2/',
  plasma:
    'DQiHEAeIEweJFgeKGQaMGwaNHQaOIAaPIgaQJAaRJgWRKAWSKgWTLAWULgWVLwWWMQWXMwWXNQSYNwSZOASaOgSaPASbPgScPwScQQSdQwOeRAOeRgOfSAOfSQOgSwOhTAKhTgKiUAKiUQKjUwKjVQKkVgGkWAGkWQGlWwGlXAGmXgGmYAGmYQCnYwCnZACnZgCnZwCoaQCoagCobACobgCobwCocQCocgGodAGodQGodwGoeAGoegKoewKofQOofgOogASogQSngwWnhAWnhgamhwemiAimigmliwqljQuljgykjw2kkQ6jkg+jlBCilRGhlhOhmBSgmRWfmhafnBeenRidnhmdoBqcoRuboh2aox6apR+ZpiCYpyGXqCKWqiOVqySUrCaUrSeTriiSsCmRsSqQsiuPsyyOtC6NtS+MtjCLtzGKuDKJujOIuzSIvDWHvTeGvjiFvzmEwDqDwTuCwjyBwz2AxD5/xUB+xkF9x0J8yEN7yUR6ykV6y0Z5zEd4zEl3zUp2zkt1z0x00E1z0U5y0k9x01Fx1FJw1VNv1VRu1lVt11Zs2Fdr2Vhq2lpq2ltp21xo3F1n3V5m3l9l3mFk32Jj4GNj4WRi4mVh4mZg42hf5Gle5Wpd5Wtd5mxc525b529a6HBZ6XFY6XJX6nRX63VW63ZV7HdU7XlT7XpS7ntR73xR735Q8H9P8IBO8YFN8YNM8oRL84VL84dK9IhJ9IlI9YtH9YxG9o1F9o9E95BE95FD95NC+JRB+JVA+Zc/+Zg++Zo++ps9+pw8+p47+586+6E5+6I4/KM4/KU3/KY2/Kg1/Kk0/asz/awz/a4y/a8x/bEw/bIv/bQv/bUu/rct/rgs/ros/rsr/r0q/r4q/sAp/cIp/cMo/cUn/cYn/cgn/com/csm/M0l/M4l/NAl/NIl+9Mk+9Uk+9ck+tgk+tok+dwk+d0l+N8l+OEl9+Il9+Ql9uYm9ugm9ekm9esn9O0n8+4n8/An8vIn8fQm8fUl8Pck8Pkh',
  turbo:
    'MBI7MhVDMxhKNBtRNR5YNiFfNyRmOCdtOSpzOi15Oy+APDKGPTWLPjiRPzuXPz6cQECiQUOnQUasQkmxQku1Q066RFG/RFTDRFbHRVnLRVzPRV7TRmHWRmTaRmbdRmngRmvjR27mR3HpR3PrR3buR3jwR3vyRn30RoD2RoL4RoX6Rof7RYr8RYz9RI/+Q5H+QpT/QZb/QJn/Ppv+PZ7+O6D9OqP8OKX7N6j6Nav4M633Ma/1L7L0LrTyLLfwKrnuKLzrJ77pJcDnI8PkIsXiIMffH8ndHsvaHM3YG9DVGtLSGtTQGdXNGNfKGNnIGNvFGN3CGN7AGOC9GeK7GeO5GuS2HOa0HeeyH+mvIOqsIuuqJeynJ+6kKu+hLPCeL/GbMvKYNfOUOPSRPPWOP/aKQ/eHRviESviATvl9Uvp6Vfp2WftzXfxvYfxsZf1paf1mbf5icf5fdf5cef5Zff9WgP9ThP9RiP9Oi/9Lj/9Jkv9Hlv5Emf5CnP5An/0/of09pPw8p/w6qfs5rPs4r/o3sfk2tPg2t/c1ufY1vPU0vvQ0wfM0w/E0xvA0yO80y+00zew00Oo00uk11Oc11+U12eQ22+I23eA339834d0349s45dk459c56dU569M57NE67s8678068cs68sk69Mc69cU69sM698E6+L45+bw5+ro5+7g4+7Y3/LM2/LE2/a41/aw0/qkz/qcy/qQx/qEw/p4v/pst/pks/pYr/pMq/pAp/Y0n/Yom/Icl/IQj+4Ei+34h+nsf+Xge+XUd+HIc928a9mwZ9WkY9GYX82MV8mAU8V0T8FsS71gR7VUQ7FMP61AO6k4N6EsM50kM5UcL5EUK4kMK4UEJ3z8I3T0I3DsH2jkH2DcG1jUG1DMF0jEF0C8Fzi0EzCsEyioEyCgDxSYDwyUDwSMCviECvCACuR4Ctx0CtBsBshoBrxgBrBcBqRYBpxQBpBMBoRIBnhABmw8BmA4BlQ0BkgsBjgoBiwkCiAgChQcCgQYCfgUCegQD',
  bone: 'AAAAAQEBAgICAwMEBAQFBAQGBQUHBgYIBwcKCAgLCQkMCgoNCgoOCwsQDAwRDQ0SDg4TDw8VEBAWEREXEhIYEhIZExMbFBQcFRUdFhYeFxcfGBghGBgiGRkjGhokGxslHBwnHR0oHh4pHx8qICArICAtISEuIiIvIyMwJCQyJSUzJiY0JiY1Jyc2KCg4KSk5Kio6Kys7LCw8LS0+Li4/Li5ALy9BMDBCMTFEMjJFMzNGNDRHNDRINTVKNjZLNzdMODhNOTlPOjpQOztRPDxSPDxTPT1VPj5WPz9XQEBYQUFZQkJbQkJcQ0NdREReRUVfRkZhR0diSEhjSUlkSUlmSkpnS0toTExpTU1qTk5sT09tUFBuUFBvUVFwUlJxU1NzVFR0VVV1Vld2V1h2V1l3WFp4WVt5Wl16W157XF98XWB9XmF+XmN+X2R/YGWAYWaBYmeCY2mDZGqEZWuEZmyFZm6GZ2+HaHCIaXGJanKKa3SLbHWMbHaMbXeNbniOb3qPcHuQcXyRcn2Sc36SdICTdIGUdYKVdoOWd4SXeIaYeYeZeoiaeomae4qbfIycfY2dfo6ef4+fgJGggZKggpOhgpSig5WjhJekhZilhpmmh5qniJuoiJ2oiZ6pip+qi6CrjKGsjaOtjqSuj6WukKavkKiwkamxkqqyk6uzlKy0la61lq+2lrC2l7G3mLK4mbS5mrW6m7a7nLe8nbi8nrq9nru+n7y/oL3Aob7BosDCo8HDpMLEpMPEpcTFpsbGp8fHqcjIqsnJq8rKrMvLrsvLr8zMsc3Nss7Os8/PtdDQttHRuNLSudLSutPTvNTUvdXVvtbWwNfXwdjYw9jYxNnZxdrax9vbyNzcyd3dy97ezN/fzuDgz+Dg0OHh0uLi0+Pj1OTk1uXl1+bm2Ofn2ufn2+jo3enp3urq3+vr4ezs4u3t5O7u5e7u5u/v6PDw6fHx6vLy7PPz7fT07/T08PX18fb28/f39Pj49fn59/r6+Pv7+vz8+/z8/P39/v7+////',
} as const;

export type ColourMapName = keyof typeof MAPS;

/** The names that {@link colourMap} takes. */
export const colourMapNames = Object.keys(MAPS) as readonly ColourMapName[];

/** The 256 colours of a map, uint8 `(256, 3)`. @throws {ArgumentError} for a name that there is not */
export function colourMap(name: ColourMapName): Tensor {
  if (!Object.hasOwn(MAPS, name)) {
    const hint = didYouMean(name, colourMapNames) || `; there are: ${colourMapNames.join(', ')}`;
    throw new ArgumentError('name', `There is no colour map '${name}'${hint}`);
  }
  return fromTypedArray(new Uint8Array(Buffer.from(MAPS[name], 'base64')), [256, 3]);
}

/**
 * Colours a map of values from 0 to `max`; what is beyond gets the last colour.
 *
 * @param values `(1, H, W)` or `(H, W)`, such as depths in metres
 * @returns uint8 `(3, H, W)`
 */
export function colourValues(values: Tensor, max: number, name: ColourMapName = 'rainbow'): Tensor {
  return scope(() => {
    const [height = 0, width = 0] = values.shape.slice(-2);
    const index = values.to('float32').mul(255).div(max).clamp({ min: 0, max: 255 }).to('int64').reshape([-1]);
    return colourMap(name).to(values.device).indexSelect(0, index).reshape([height, width, 3]).permute([2, 0, 1]);
  });
}
