// Where the C++ library gives up. Its own way prints through stdio, which would be most of a small module,
// and whose output goes nowhere in a filter.
#include <cstdlib>

#include "logsieve.h"

_LIBCPP_BEGIN_NAMESPACE_STD

[[noreturn]] void __libcpp_verbose_abort(const char *format, ...) noexcept {
  va_list values;
  va_start(values, format);
  ls_log('e', ls_str(ls_format_list(format, values)));
  va_end(values);
  std::abort();
}

_LIBCPP_END_NAMESPACE_STD
