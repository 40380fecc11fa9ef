// The bytes on the bus, kept: services of different versions meet there during an upgrade. A row that fails
// means that a field's number or type was changed. Never change a row; add one for what is new.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace {
namespace {

using bus::v1::Event;
using bus::v1::PointerBatch;
using bus::v1::Reply;
using bus::v1::Request;
using bus::v1::Snapshot;

struct Row {
  const char* name;
  const google::protobuf::Message& prototype;
  const char* text;
  const char* bytes;
};

const Row rows[] = {
#include "contract_rows.inc"
};

class Contract : public ::testing::TestWithParam<Row> {};

TEST_P(Contract, WritesTheGoldenBytes) {
  const std::unique_ptr<google::protobuf::Message> message(GetParam().prototype.New());
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(GetParam().text, message.get()));
  EXPECT_EQ(hex(as_bytes(message->SerializeAsString())), GetParam().bytes);
}

Bytes from_hex(std::string_view digits) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

TEST_P(Contract, ReadsTheGoldenBytes) {
  const Bytes bytes = from_hex(GetParam().bytes);
  const std::unique_ptr<google::protobuf::Message> message(GetParam().prototype.New());
  ASSERT_TRUE(message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  const std::unique_ptr<google::protobuf::Message> expected(GetParam().prototype.New());
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(GetParam().text, expected.get()));
  EXPECT_EQ(message->DebugString(), expected->DebugString());
}

TEST_P(Contract, SurvivesEveryTruncation) {
  Bytes bytes = from_hex(GetParam().bytes);
  const std::unique_ptr<google::protobuf::Message> message(GetParam().prototype.New());
  for (; !bytes.empty(); bytes.pop_back()) {
    // Wrong or right, it is an answer; what it took is no larger than what it was given.
    if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      EXPECT_LE(message->ByteSizeLong(), bytes.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Messages, Contract, ::testing::ValuesIn(rows),
                         [](const ::testing::TestParamInfo<Row>& row) {
                           return std::string(row.param.name);
                         });

TEST(ContractRows, HaveEveryKindOfPayload) {
  for (const google::protobuf::Descriptor* kind :
       {Event::descriptor(), Request::descriptor(), Reply::descriptor()}) {
    const google::protobuf::OneofDescriptor* payload = kind->FindOneofByName("payload");
    for (int i = 0; i < payload->field_count(); ++i) {
      const std::string field = payload->field(i)->name() + " {";
      bool found = false;
      for (const Row& row : rows) {
        found = found || (row.prototype.GetDescriptor() == kind &&
                          std::string(row.text).find(field) != std::string::npos);
      }
      EXPECT_TRUE(found) << kind->name() << " has no row with " << payload->field(i)->name();
    }
  }
}

}  // namespace
}  // namespace millrace
