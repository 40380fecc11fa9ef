// log_pictures DIRECTORY PUBLICATION
//
// Writes the pictures that a log of H.264 holds to standard output, with start codes and parameter sets, for
// decoders to look at. PUBLICATION: of the log, in hexadecimal digits.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "codecs/h264.hpp"
#include "media/arena_set.hpp"
#include "options.hpp"

namespace {

using namespace millrace;

void put(ByteView nal) {
  constexpr std::array<std::uint8_t, 4> kStartCode = {0, 0, 0, 1};
  std::fwrite(kStartCode.data(), 1, kStartCode.size(), stdout);
  std::fwrite(nal.data(), 1, nal.size(), stdout);
}

void put_parameter_sets(const media::LogReader& log, std::uint32_t index) {
  const auto configuration = log.configuration(index);
  if (!configuration) tools::die("a configuration is gone");
  const auto avc = codecs::parse_avc_configuration(configuration->bytes);
  if (!avc) tools::die(avc.error().message);
  for (const Bytes& nal : avc->sps) put(nal);
  for (const Bytes& nal : avc->pps) put(nal);
}

}  // namespace

int main(int argc, char** argv) {
  const tools::Options options(argc, argv, {}, {}, "usage: log_pictures DIRECTORY PUBLICATION");
  if (options.arguments.size() != 2) tools::die("log_pictures DIRECTORY PUBLICATION");
  media::ArenaSet arenas(options.arguments[0], "log_pictures");
  if (const Result<void> looked = arenas.refresh(); !looked) tools::die(looked.error().message);
  constexpr int kHexadecimal = 16;
  const PublicationId publication{std::strtoull(options.arguments[1].c_str(), nullptr, kHexadecimal)};
  for (const auto& [name, arena] : arenas.arenas()) {
    for (const media::LogInfo& info : arena->logs()) {
      if (info.publication_id != publication) continue;
      const Result<media::LogReader> log = arena->open_log(info.slot, publication, info.first);
      if (!log) tools::die(log.error().message);
      for (std::uint64_t sequence = info.first; sequence < info.committed; ++sequence) {
        const auto sample = log->at(sequence);
        if (!sample || sample->record.track != media::kVideoTrack) continue;
        if ((sample->record.flags & media::kSampleKey) != 0)
          put_parameter_sets(*log, sample->record.configuration);
        if (!codecs::for_each_nal(sample->payload, 4, put)) tools::die("a sample is not framed");
      }
      return 0;
    }
  }
  tools::die("no such log");
}
