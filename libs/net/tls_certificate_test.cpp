#include "net/tls_certificate.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <new>
#include <optional>

#include "net/tls_testing.hpp"

namespace millrace::net {
namespace {

using Check = TlsCertificate::Check;
using namespace std::chrono_literals;

class TlsCertificateTest : public ::testing::Test {
 protected:
  TlsCertificateTest() {
    std::string path = "/tmp/millrace-tls-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    files_ = testing::make_certificate(directory_, "live");
  }
  ~TlsCertificateTest() override { std::filesystem::remove_all(directory_); }
  // As certbot does: another file under the same name.
  void replace(const std::string& path, const std::string& with) { std::filesystem::rename(with, path); }

  std::string directory_;
  testing::CertificateFiles files_;
};

// What those who ask for a look are answered: the error's code, "replaced" or "unchanged".
class Answers {
 public:
  TlsCertificate::Observer observer() {
    return [this](const Result<Check>& result) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(!result                       ? std::string(result.error().code)
                         : *result == Check::kReplaced ? "replaced"
                                                       : "unchanged");
      told_.notify_all();
    };
  }
  std::string ask(TlsCertificate& certificate) {
    certificate.look();
    std::unique_lock lock(mutex_);
    if (!told_.wait_for(lock, 20s, [&] { return !answers_.empty(); })) return "nothing";
    std::string first = answers_.front();
    answers_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::deque<std::string> answers_;
};

TEST_F(TlsCertificateTest, TakesANewPairWhenBothFilesAreThere) {
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  const TlsContextPtr first = certificate->current();
  ASSERT_TRUE(first);
  EXPECT_EQ(*certificate->refresh(), Check::kUnchanged);
  const auto next = testing::make_certificate(directory_, "next");
  replace(files_.certificate, next.certificate);
  const auto half = certificate->refresh();
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, "tls.mismatch");
  EXPECT_EQ(certificate->current(), first) << "the old pair serves on";
  EXPECT_FALSE(certificate->refresh()) << "and the trouble is not forgotten";
  replace(files_.key, next.key);
  EXPECT_EQ(*certificate->refresh(), Check::kReplaced);
  EXPECT_NE(certificate->current(), first);
  EXPECT_EQ(*certificate->refresh(), Check::kUnchanged);
}

TEST_F(TlsCertificateTest, KeepsTheOldPairWhileFilesAreGoneOrGarbage) {
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  const TlsContextPtr first = certificate->current();
  std::filesystem::rename(files_.key, files_.key + ".away");
  EXPECT_EQ(certificate->refresh().error().code, "tls.key");
  std::ofstream(files_.key) << "-----BEGIN PRIVATE KEY-----\nnot base64\n";
  const auto garbage = certificate->refresh();
  EXPECT_EQ(garbage.error().code, "tls.key");
  EXPECT_EQ(garbage.error().message.find("base64"), std::string::npos) << "nothing of a key is told";
  EXPECT_EQ(certificate->current(), first);
  std::filesystem::rename(files_.key + ".away", files_.key);
  EXPECT_TRUE(certificate->refresh());
}

TEST_F(TlsCertificateTest, NeverWaitsForWhatIsNoRegularFileAnyMore) {
  std::mutex mutex;
  std::condition_variable answered;
  std::deque<std::string> answers;
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  certificate->watch(
      1h, [](const Result<Check>&) {},
      [&](const Result<Check>& result) {
        const std::lock_guard lock(mutex);
        answers.push_back(result ? "usable"
                                 : std::string(result.error().code) + ", " + result.error().message);
        answered.notify_all();
      });
  for (const std::string& path : {files_.certificate, files_.key}) {
    std::filesystem::rename(path, path + ".away");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    certificate->look();
    std::unique_lock lock(mutex);
    const bool came = answered.wait_for(lock, 20s, [&] { return !answers.empty(); });
    // A thread that waits for the FIFO's writer would keep the destructor waiting too.
    if (!came) std::ofstream(path) << "";
    ASSERT_TRUE(came) << path;
    const std::string kind =
        path == files_.key ? "tls.key, no usable private key" : "tls.certificate, no certificate";
    EXPECT_EQ(answers.front(), kind + " in " + path + ": not a regular file");
    answers.clear();
    std::filesystem::rename(path + ".away", path);
  }
  EXPECT_TRUE(certificate->refresh());
}

TEST_F(TlsCertificateTest, TakesFilesUpToTheirBound) {
  const auto pad = [](const std::string& path, std::size_t size) {
    std::ofstream file(path, std::ios::app);
    file << std::string(size - std::filesystem::file_size(path), '\n');
  };
  pad(files_.certificate, TlsContext::kMaxCertificateFile);
  pad(files_.key, TlsContext::kMaxCertificateFile);
  EXPECT_TRUE(TlsContext::server(files_.certificate, files_.key));
  std::ofstream(files_.key, std::ios::app) << "\n";
  EXPECT_EQ(TlsContext::server(files_.certificate, files_.key).error().message,
            "no usable private key in " + files_.key + ": holds more than 1 MiB");
}

TEST_F(TlsCertificateTest, DoesNotOpenWithoutAPair) {
  EXPECT_EQ(TlsCertificate::open(directory_ + "/none", files_.key).error().code, "tls.certificate");
}

TEST_F(TlsCertificateTest, WatchesAndTellsChangesOnce) {
  std::mutex mutex;
  std::condition_variable told;
  std::deque<std::string> news;
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  certificate->watch(1h, [&](const Result<Check>& result) {
    const std::lock_guard lock(mutex);
    news.push_back(!result                       ? std::string(result.error().code)
                   : *result == Check::kReplaced ? "replaced"
                                                 : "back");
    told.notify_all();
  });
  const auto next_news = [&] {
    std::unique_lock lock(mutex);
    if (!told.wait_for(lock, 20s, [&] { return !news.empty(); })) return std::string("nothing");
    std::string first = news.front();
    news.pop_front();
    return first;
  };
  std::filesystem::rename(files_.key, files_.key + ".away");
  certificate->look();
  EXPECT_EQ(next_news(), "tls.key");
  certificate->look();
  const auto next = testing::make_certificate(directory_, "next");
  replace(files_.certificate, next.certificate);
  replace(files_.key, next.key);
  certificate->look();
  std::string after = next_news();
  // Between the two renames a look could see half of it.
  while (after.starts_with("tls.")) after = next_news();
  EXPECT_EQ(after, "replaced");
}

TEST_F(TlsCertificateTest, AnswersEachLookThatWasAskedFor) {
  Answers answers;
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  certificate->watch(
      1h, [](const Result<Check>&) {}, answers.observer());
  EXPECT_EQ(answers.ask(*certificate), "unchanged");
  const auto next = testing::make_certificate(directory_, "next");
  replace(files_.certificate, next.certificate);
  EXPECT_EQ(answers.ask(*certificate), "tls.mismatch");
  EXPECT_EQ(answers.ask(*certificate), "tls.mismatch") << "no news, and an answer";
  replace(files_.key, next.key);
  EXPECT_EQ(answers.ask(*certificate), "replaced");
  EXPECT_EQ(answers.ask(*certificate), "unchanged");
}

// The pair was taken between the change of the files and the question.
TEST_F(TlsCertificateTest, AnswersThatAPairWasTakenBySomeLookSinceTheLastAnswer) {
  std::mutex mutex;
  std::condition_variable told;
  int observed = 0;
  Answers answers;
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  certificate->watch(
      1ms,
      [&](const Result<Check>&) {
        const std::lock_guard lock(mutex);
        // The first time there is no memory for it.
        if (++observed == 1) throw std::bad_alloc();
        told.notify_all();
      },
      answers.observer());
  EXPECT_EQ(answers.ask(*certificate), "unchanged");
  const auto next = testing::make_certificate(directory_, "next");
  replace(files_.certificate, next.certificate);
  replace(files_.key, next.key);
  {
    std::unique_lock lock(mutex);
    // A look in the middle of the change may find the new pair, and the next one take it once more.
    EXPECT_TRUE(told.wait_for(lock, 20s, [&] { return certificate->replaced() >= 1 && observed > 1; }))
        << "told again what it could not take";
  }
  EXPECT_EQ(answers.ask(*certificate), "replaced");
  EXPECT_EQ(answers.ask(*certificate), "unchanged");
}

TEST_F(TlsCertificateTest, AnswersThoughTheObserverThrows) {
  std::promise<Result<Check>> answer;
  auto certificate = std::move(*TlsCertificate::open(files_.certificate, files_.key));
  const auto next = testing::make_certificate(directory_, "next");
  replace(files_.certificate, next.certificate);
  replace(files_.key, next.key);
  certificate->watch(
      1h, [](const Result<Check>&) { throw std::bad_alloc(); },
      [&](const Result<Check>& result) { answer.set_value(result); });
  certificate->look();
  auto answered = answer.get_future();
  ASSERT_EQ(answered.wait_for(20s), std::future_status::ready);
  const Result<Check> result = answered.get();
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, Check::kReplaced);
}

}  // namespace
}  // namespace millrace::net
