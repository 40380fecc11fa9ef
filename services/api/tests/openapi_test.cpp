// docs/api/openapi.yaml and the table of routes say the same: every route is described, and nothing that is
// not there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "routes.hpp"

namespace millrace::api {
namespace {

using Operations = std::set<std::pair<std::string, std::string>>;  // method, path

// What the edge answers without the table.
const Operations kOfTheEdge = {
    {"get", "/vod/file/:filename"}, {"get", "/vod/:filename"}, {"get", "/docs"}, {"get", "/openapi.yaml"}};

// "/stream/{streamKey}" is "/stream/:streamKey" in the table.
std::string as_pattern(std::string path) {
  for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{')) {
    path.replace(open, 1, ":");
    path.erase(path.find('}', open), 1);
  }
  return path;
}

// The document is written by hand with two spaces a level: a path stands at the first, its methods at the
// second.
Operations described() {
  std::ifstream document(MILLRACE_OPENAPI);
  Operations found;
  std::string path;
  bool in_paths = false;
  for (std::string line; std::getline(document, line);) {
    if (!line.empty() && line.front() != ' ') in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.starts_with("  /") && line.ends_with(':')) path = as_pattern(line.substr(2, line.size() - 3));
    for (const std::string method : {"get", "post", "put", "patch", "delete"}) {
      if (line == "    " + method + ":") found.emplace(method, path);
    }
  }
  return found;
}

// Below /api and without it are one family to the document, which has two servers.
Operations served() {
  Operations found = kOfTheEdge;
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (path.starts_with("/api/")) path.erase(0, 4);
    std::string method(method_name(route.method));
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    found.emplace(std::move(method), path);
  }
  return found;
}

// The page shows what stands at the top as links: none of them may lead nowhere.
TEST(OpenApi, LinksToNoOtherServer) {
  std::ifstream document(MILLRACE_OPENAPI);
  int lines = 0;
  for (std::string line; std::getline(document, line); ++lines) {
    const bool link = line.find("url: http") != std::string::npos;
    EXPECT_TRUE(!link && line.find(".invalid") == std::string::npos) << line;
  }
  EXPECT_GT(lines, 100);
}

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  const Operations in_document = described();
  const Operations in_table = served();
  ASSERT_GT(in_document.size(), 10U);
  for (const auto& [method, path] : in_table)
    EXPECT_TRUE(in_document.contains({method, path})) << "not described: " << method << " " << path;
  for (const auto& [method, path] : in_document)
    EXPECT_TRUE(in_table.contains({method, path})) << "not served: " << method << " " << path;
}

}  // namespace
}  // namespace millrace::api
