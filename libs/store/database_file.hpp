// Where a database is, and the modes of its file. Private to libs/store.
#pragma once

#include <string>

#include "base/result.hpp"

namespace millrace::store {

// The file that DATABASE_URL names. Errors: store.unsupported for another kind of database.
Result<std::string> sqlite_path(const std::string& url);

// Makes missing directories (0700) and the file (0600), and takes group and others off a file that was made
// before. Errors: store.read_only, with the path.
Result<void> prepare_file(const std::string& path);

}  // namespace millrace::store
