// What a player has said about the stream it plays (Adobe RTMP 1.0, 7.2.2.4, 7.2.2.5 and 7.2.2.8).
#pragma once

namespace millrace::rtmp {

struct PlayWishes {
  bool paused = false;
  bool audio = true;
  bool video = true;
};

}  // namespace millrace::rtmp
