#pragma once

#include <map>
#include <string>

#include "value.h"

namespace homeward::config {

/// A kernel device name, or a name that becomes part of one: 1–15 characters without '/', white space or ':'.
std::string read_device_name(const Value& value);

/// RFC 4282 NAI as the protocol carries it: 1–255 printable characters.
std::string read_nai(const Value& value);

/// Remembers what was given where, to report what is given twice.
class Once {
  public:
    explicit Once(std::string what) : what_(std::move(what)) {}
    void add(const Value& value, const std::string& given);

  private:
    std::string what_;
    std::map<std::string, std::string> where_;
};

}  // namespace homeward::config
