// The tables of auth. A released migration is never edited; a change is a new one at the end.
#pragma once

#include <span>

#include "store/migrations.hpp"

namespace millrace::auth {

std::span<const store::Migration> schema();

}  // namespace millrace::auth
