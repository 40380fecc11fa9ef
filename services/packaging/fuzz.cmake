# What players send, by itself: the fuzz build has no sockets.
millrace_fuzzer(cmcd_fuzz
  SOURCES
    src/cmcd.cpp
    src/cmcd_fuzz.cpp
  SEEDS src/cmcd_fuzz_seeds
  MAX_LEN 4096)
# Recordings, which lie in a directory that others write to as well.
millrace_fuzzer(recorded_file_fuzz
  SOURCES
    src/date_ranges.cpp
    src/dvr_offering.cpp
    src/event_boxes.cpp
    src/gap_segment.cpp
    src/hls_media_playlist.cpp
    src/log_segments.cpp
    src/media_path.cpp
    src/offering.cpp
    src/recorded_file.cpp
    src/recorded_file_fuzz.cpp
    src/recorded_media.cpp
    src/recorded_segments.cpp
    src/segment_file.cpp
    src/segment_index.cpp
    src/track_configuration.cpp
  DEPS codecs media media_events media_mp4 manifest_hls mp4 rtmp
  SEEDS src/recorded_file_fuzz_seeds
  MAX_LEN 4096)
