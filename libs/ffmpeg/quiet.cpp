#include "ffmpeg/quiet.hpp"

#include <cstdlib>

#include "ffmpeg/av.hpp"

namespace millrace::ffmpeg {

void quiet() {
  av_log_set_level(AV_LOG_QUIET);
  ::setenv("SVT_LOG", "-1", 1);
}

}  // namespace millrace::ffmpeg
