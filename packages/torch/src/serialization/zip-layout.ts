/** @file The numbers of the zip format that its reader and its writer share (PKWARE's APPNOTE, sections 4.3 to 4.5). */

export const LOCAL_HEADER = 0x04034b50;
export const CENTRAL_HEADER = 0x02014b50;
export const END_RECORD = 0x06054b50;
export const END_RECORD_64 = 0x06064b50;
export const END_LOCATOR_64 = 0x07064b50;

export const LOCAL_HEADER_SIZE = 30;
export const CENTRAL_HEADER_SIZE = 46;
export const END_RECORD_SIZE = 22;
export const END_RECORD_64_SIZE = 56;
export const END_LOCATOR_64_SIZE = 20;

/** Extra field that holds the 64-bit sizes and offset whose 32-bit fields say {@link MAX_32}. */
export const ZIP64_EXTRA = 0x0001;
export const MAX_16 = 0xffff;
export const MAX_32 = 0xffffffff;

export const STORED = 0;
export const DEFLATED = 8;
export const FLAG_ENCRYPTED = 0x0001;
export const FLAG_UTF8 = 0x0800;
