// TurboJPEG's interface, and libpng's simplified interface (png_image_*), the part of it that Swift can call: it reports
// errors in the png_image itself, while the classic interfaces of both kinds report them through
// setjmp and longjmp.

#ifndef IMAGE_CODECS_H
#define IMAGE_CODECS_H

#include <png.h>
#include <turbojpeg.h>

/// A size in bytes that the PNG of `image` cannot exceed; function-like macros are invisible to
/// Swift.
static inline size_t image_codecs_png_size_limit(png_image image) {
  return PNG_IMAGE_PNG_SIZE_MAX(image);
}

#endif
