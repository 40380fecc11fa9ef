#include "http/transfer.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace millrace::http {
namespace {

// An answer from memory that others may write over, on a socket whose peer takes nothing for a while.
class MappedTransfer : public ::testing::Test {
 protected:
  MappedTransfer() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_.data()), 0);
    const MappedRegions regions{{ByteView(bytes_)}, nullptr, [this] { return intact_; }};
    transfer_ = std::make_unique<Transfer>("header", Body(regions), 0, bytes_.size());
  }
  ~MappedTransfer() override {
    for (const int socket : sockets_) ::close(socket);
  }
  std::uint64_t take() {
    std::array<char, 65536> buffer{};
    std::uint64_t taken = 0;
    for (ssize_t count = 1; count > 0; taken += static_cast<std::uint64_t>(std::max<ssize_t>(count, 0)))
      count = ::recv(sockets_[1], buffer.data(), buffer.size(), 0);
    return taken;
  }

  const Bytes bytes_ = Bytes(8U << 20, 7);
  bool intact_ = true;
  std::array<int, 2> sockets_{};
  std::unique_ptr<Transfer> transfer_;
};

TEST_F(MappedTransfer, HandsNothingToTheKernelThatWasOverwrittenWhileItWaited) {
  Transfer::Progress progress = Transfer::Progress::kYield;
  while (progress == Transfer::Progress::kYield) progress = transfer_->pump(sockets_[0]);
  ASSERT_EQ(progress, Transfer::Progress::kBlocked);
  const std::uint64_t before = transfer_->sent();
  EXPECT_EQ(take(), before);
  intact_ = false;
  EXPECT_EQ(transfer_->pump(sockets_[0]), Transfer::Progress::kTorn);
  EXPECT_EQ(transfer_->sent(), before);
  EXPECT_EQ(take(), 0U);
}

TEST_F(MappedTransfer, SendsAllOfWhatStaysAsItWas) {
  std::uint64_t taken = 0;
  Transfer::Progress progress = Transfer::Progress::kYield;
  while (progress == Transfer::Progress::kYield || progress == Transfer::Progress::kBlocked) {
    progress = transfer_->pump(sockets_[0]);
    taken += take();
  }
  EXPECT_EQ(progress, Transfer::Progress::kDone);
  EXPECT_EQ(taken, bytes_.size() + 6);
}

}  // namespace
}  // namespace millrace::http
