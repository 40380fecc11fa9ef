// What an account's fields may be. Pure but for is_timezone, which looks at the machine's list of zones.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::auth {

// Ids of accounts, also the subjects of their tokens and streams: "acct_" and 24 hexadecimal digits. No other
// subject begins so: --issue-token refuses it, and external identities have names of their own.
inline constexpr std::string_view kAccountPrefix = "acct_";
bool is_account_subject(std::string_view subject);
std::string new_account_id();

inline constexpr std::size_t kMinPasswordCharacters = 8;
inline constexpr std::size_t kMaxPasswordCharacters = 128;
inline constexpr std::size_t kMaxPasswordBytes = 512;
inline constexpr std::size_t kMaxNameCharacters = 64;
inline constexpr std::size_t kMaxTimezone = 64;
inline constexpr std::size_t kMaxPicture = 48UL * 1024;  // of the data URL: an image of 36 KiB

// Each says what is wrong, for people, or nullopt.
std::optional<std::string> fault_of_email(std::string_view email);
std::optional<std::string> fault_of_password(std::string_view password);
std::optional<std::string> fault_of_name(std::string_view name);
std::optional<std::string> fault_of_timezone(std::string_view timezone);
// A data URL of PNG, JPEG, GIF or WebP in base64; nothing that could hold a script.
std::optional<std::string> fault_of_picture(std::string_view picture);

// What is unique: the text without regard to the case of ASCII letters.
std::string folded(std::string_view text);

}  // namespace millrace::auth
