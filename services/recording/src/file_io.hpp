// File calls that report what went wrong in recording's codes. Blocking: for worker threads only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "containers/mp4/fragmented_file.hpp"
#include "net/unique_fd.hpp"

namespace millrace::recording {

// From errno: "recording.disk_full" (no space, no inode, quota), "recording.unwritable" (permission,
// read-only, directory gone), "recording.exists", "recording.io". The message names the call, never the whole
// path.
Error file_error(const char* call);

Result<net::UniqueFd> open_file(const std::string& path, int flags);
Result<std::uint64_t> file_size(int fd);
// Writes all pieces at the offset; the file may hold a part of them after a failure.
Result<void> write_at(int fd, std::uint64_t offset, std::span<const Bytes* const> pieces);
Result<void> write_at(int fd, std::uint64_t offset, ByteView bytes);
// Makes sure that size bytes can be written to the empty file, which has that size afterwards, and that a
// twentieth of the file system, at most 1 GiB, stays free for the files that are being recorded. Costs next
// to nothing, also where it fails: "recording.disk_full".
Result<void> reserve(int fd, std::uint64_t size);
Result<void> read_at(int fd, std::uint64_t offset, std::span<std::uint8_t> into);
// fsync of a directory: names in it are durable afterwards.
Result<void> sync_directory(const std::string& directory);
Result<void> make_directory(const std::string& directory);

// fd must stay open as long as the source is used.
Result<mp4::FileSource> file_source(int fd);

}  // namespace millrace::recording
