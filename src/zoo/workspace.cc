#include "workspace.h"

#include <system_error>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/digest/sha256.h"
#include "gantry/zoo/manifest.h"
#include "record.h"

namespace gantry::zoo {

Workspace::Workspace(const std::filesystem::path& root, std::string name)
    : private_(root / private_folder), name_(std::move(name)) {}

Result<FileLock> Workspace::lock(Deadline deadline, const std::function<void()>& on_wait) const {
  for (const char* const folder : {"locks", "staging"}) {
    if (Result<> made = make_folders(private_ / folder); !made) {
      return std::unexpected(std::move(made).error());
    }
  }
  return FileLock::acquire(private_ / "locks" / name_, deadline, on_wait);
}

void Workspace::clean() const {
  // A name may begin with another one, so all but the six random characters has to be equal.
  constexpr std::size_t random_characters = 6;
  std::error_code error;
  std::filesystem::directory_iterator it(private_ / "staging", error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string found = it->path().filename().string();
    if (found.starts_with(name_ + "-") && found.size() == name_.size() + 1 + random_characters) {
      std::error_code ignored;
      std::filesystem::remove_all(it->path(), ignored);
    }
  }
}

Result<TemporaryFolder> Workspace::staging() const {
  return TemporaryFolder::create(private_ / "staging" / (name_ + "-"));
}

std::filesystem::path Workspace::downloads() const { return private_ / "downloads" / name_; }

std::filesystem::path Workspace::part(const std::string& url) const {
  constexpr std::size_t enough_digits = 16;
  return downloads() /
         format_text("{}-{}", digest::sha256_of(url).substr(0, enough_digits), file_name_of(url));
}

}  // namespace gantry::zoo
