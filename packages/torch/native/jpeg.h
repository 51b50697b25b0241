// Parts of JPEGs, for kernels that need no more. The functions are in jpeg.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgeai {

// RGB pixels of some rows and columns of an image; pixel (y, x) of the image is at first + (y − top) * row_bytes + 3 * (x − left).
struct JpegPart {
  const uint8_t* first = nullptr;
  const uint8_t* end = nullptr;
  int64_t row_bytes = 0;
  int64_t top = 0;
  int64_t left = 0;
};

// Decodes what the rectangle covers, into memory that `buffer` owns, to the same values as the whole image would have. Skips what
// lies around as far as the format allows. Throws std::runtime_error with libjpeg's words for a file that it cannot read.
JpegPart decode_jpeg_part(const uint8_t* bytes, size_t length, int64_t top, int64_t left, int64_t height, int64_t width,
                          std::vector<uint8_t>& buffer);

}  // namespace edgeai
