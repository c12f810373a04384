// The names that compilers give to functions, as people write them. The strings are what gcc 12.2 and clang
// 19 said, inside a coroutine and outside, so that both are tested with either.
#include <gtest/gtest.h>

#include <source_location>

#include "coterie/core/stack_frame.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {

struct Case {
  const char* pretty;
  const char* name;
};

TEST(FunctionName, OfACoroutineAsGccHasItInTheBody) {
  for (const Case& c : {
           Case{"void app::fetch(fetch(int, std::string)::_ZN3app5fetchEiNSt7__cxx1112basic_stringIcSt11char_"
                "traitsIcESaIcEEE.Frame*)",
                "app::fetch"},
           Case{"void app::{anonymous}::anon(anon(const "
                "std::vector<int>&)::_ZN3app12_GLOBAL__N_14anonERKSt6vectorIiSaIiEE."
                "Frame*)",
                "app::anon"},
           Case{"void app::tmpl(tmpl<int>(int, "
                "std::vector<int>)::_ZN3app4tmplIiEE4TaskIT_ES2_St6vectorIS2_SaIS2_EE.Frame*)",
                "app::tmpl"},
           Case{"void app::S::cmember(app::S::cmember() const::_ZNK3app1S7cmemberEv.Frame*)",
                "app::S::cmember"},
           Case{"void app::S::operator()(app::S::operator()(int)::_ZN3app1SclEi.Frame*)",
                "app::S::operator()"},
           Case{"void app::S::operator<<(app::S::operator<<(int)::_ZN3app1SlsEi.Frame*)",
                "app::S::operator<<"},
           Case{"void app::S::operator->*(app::S::operator->*(int)::_ZN3app1SpmEi.Frame*)",
                "app::S::operator->*"},
           Case{"void app::C<int>::In::m(app::C<int>::In::m(int)::_ZN3app1CIiE2In1mEi.Frame*)",
                "app::C::In::m"},
           Case{"void main()::<lambda(int)>::operator()(main()::<lambda(int)>::_ZZ4mainENKUliE_clEi.Frame*)",
                "main::<lambda>"},
           Case{"void main()::<lambda(int, auto:11)>::operator()(main()::<lambda(int, auto:11)> "
                "mutable::_ZZ4mainENUliT_E0_clIdEE4TaskIiEiS_.Frame*)",
                "main::<lambda>"},
           Case{"void app::block(block<main()::<lambda()> "
                ">(main()::<lambda()>)::_ZN3app5blockIZ4mainEUlvE1_EE4TaskIvET_."
                "Frame*)",
                "app::block"},
           Case{
               "void app::takes_fn(takes_fn(void (*)(int), Task<int> (S::*)(int))::_ZN3app8takes_fnEPFviEMNS_"
               "1SEF4TaskIiEiE.Frame*)",
               "app::takes_fn"},
       })
    EXPECT_EQ(function_name(c.pretty), c.name) << c.pretty;
}

TEST(FunctionName, OfAFunctionAsGccHasIt) {
  for (const Case& c : {
           Case{"Task<void> app::fetch(int, std::string)", "app::fetch"},
           Case{"Task<std::map<std::__cxx11::basic_string<char>, std::vector<int> > > "
                "app::{anonymous}::anon(const "
                "std::vector<int>&)",
                "app::anon"},
           Case{"Task<std::vector<T> > app::tmpl2(T) [with T = std::__cxx11::basic_string<char>; int N = 3]",
                "app::tmpl2"},
           Case{"static Task<int> app::S::st()", "app::S::st"},
           Case{"app::S::operator int()", "app::S::operator int"},
           Case{"Task<T> app::C<T>::In::m(T) [with T = int]", "app::C::In::m"},
           Case{"Task<void (*)(int)> app::gen_auto()", "app::gen_auto"},
           Case{"main()::<lambda(int)>", "main::<lambda>"},
           Case{"main()::<lambda(int, auto:11)> mutable::<lambda()>", "main::<lambda>::<lambda>"},
           Case{"main()::<lambda(int, auto:11)> mutable [with auto:11 = double]", "main::<lambda>"},
           Case{"app::A::~A()", "app::A::~A"},
           Case{"T app::f(T)  requires  C<T> [with T = int]", "app::f"},
           Case{"const char* app::text()", "app::text"},
           Case{"int main()", "main"},
       })
    EXPECT_EQ(function_name(c.pretty), c.name) << c.pretty;
}

TEST(FunctionName, OfAFunctionAsClangHasIt) {
  for (const Case& c : {
           Case{"Task<std::map<std::string, std::vector<int>>> app::(anonymous namespace)::anon(const "
                "std::vector<int> &)",
                "app::anon"},
           Case{"Task<std::vector<T>> app::tmpl2(T) [T = std::basic_string<char>, N = 3]", "app::tmpl2"},
           Case{"Task<int> app::S::cmember() const", "app::S::cmember"},
           Case{"Task<int> app::S::operator()(int)", "app::S::operator()"},
           Case{"int app::S::operator int()", "app::S::operator int"},
           Case{"Task<void> app::block(F) [F = (lambda at a.cpp:47:14)]", "app::block"},
           Case{"auto main()::(anonymous class)::operator()(int) const", "main::<lambda>"},
           Case{"auto main()::(anonymous class)::operator()(int, double)::(anonymous class)::operator()() "
                "const",
                "main::<lambda>::<lambda>"},
           Case{"const char *app::text()", "app::text"},
       })
    EXPECT_EQ(function_name(c.pretty), c.name) << c.pretty;
}

TEST(FunctionName, WhatIsNoNameDoesNoHarm) {
  for (const char* text : {"", " ", "(", "<", "f(", "f<", "operator", "a b c", ")(", "f()<lambda("})
    EXPECT_LE(function_name(text).size(), std::string(text).size() + 8) << text;
}

struct Service {
  template <class T>
  Task<std::string> method(T, std::string&) const {
    co_await yield();
    const auto stack = current_task()->stack();
    co_return stack.front().function;
  }
};

TEST(FunctionName, IsTheSameBeforeAndAfterTheFirstAwait) {
  test::run([]() -> Task<void> {
    std::string text;
    const Service service;
    auto task = spawn([&]() -> Task<std::string> { co_return co_await service.method(1, text); });
    const std::string before = task.stack().at(0).function;
    EXPECT_EQ(before.substr(before.rfind("::")), "::<lambda>");
    EXPECT_EQ(co_await task, "coterie::Service::method");
    auto other = spawn([]() -> Task<void> { co_await yield(); });
    const std::string unstarted = other.stack().at(0).function;
    co_await yield();
    EXPECT_EQ(other.stack().at(0).function, unstarted);
    co_await other;
  });
}

}  // namespace
}  // namespace coterie
