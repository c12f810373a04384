#include "coterie/core/generator_frame.hpp"

#include <utility>

#include "coterie/spawn.hpp"

namespace coterie::detail {

// The loop destroys it, too, when it closes by force.
GeneratorFrame::~GeneratorFrame() {
  if (owner_ != nullptr) owner_->frame_ = nullptr;
  if (step_ != nullptr) step_->frame_ = nullptr;
}

void GeneratorFrame::ended() noexcept {
  phase_ = Phase::ended;
  if (nested()) return;
  if (cancelled_)
    ascend_cancelled(*this, error_);
  else
    ascend(*this);
}

void YieldPoint::await_suspend(std::coroutine_handle<>) noexcept {
  frame_->item_ = item_;
  frame_->phase_ = GeneratorFrame::Phase::yielded;
  if (!frame_->nested()) ascend(*frame_);
}

GeneratorOwner::GeneratorOwner(GeneratorFrame& frame) noexcept : frame_(&frame) {
  frame.owner_ = this;
}

GeneratorOwner::GeneratorOwner(GeneratorOwner&& other) noexcept
    : frame_(std::exchange(other.frame_, nullptr)) {
  if (frame_ != nullptr) frame_->owner_ = this;
}

GeneratorOwner& GeneratorOwner::operator=(GeneratorOwner&& other) noexcept {
  if (this == &other) return *this;
  reset();
  frame_ = std::exchange(other.frame_, nullptr);
  if (frame_ != nullptr) frame_->owner_ = this;
  return *this;
}

void GeneratorOwner::reset() noexcept {
  GeneratorFrame* frame = std::exchange(frame_, nullptr);
  if (frame == nullptr) return;
  frame->owner_ = nullptr;
  if (frame->step_ == nullptr) frame->handle().destroy();
}

GeneratorStep::~GeneratorStep() {
  if (frame_ == nullptr) return;
  frame_->step_ = nullptr;
  if (frame_->phase_ != GeneratorFrame::Phase::yielded || frame_->owner_ == nullptr)
    frame_->handle().destroy();
}

bool GeneratorStep::begin() {
  GeneratorFrame* frame = owner_->frame_;
  if (frame == nullptr) return false;
  busy_ = frame->step_ != nullptr;
  if (busy_) return false;
  if (purpose_ == Purpose::close) {
    if (frame->phase_ == GeneratorFrame::Phase::fresh) {
      owner_->reset();
      return false;
    }
    frame->closing_ = true;
  }
  frame->step_ = this;
  frame_ = frame;
  return true;
}

bool GeneratorStep::resume(Frame& caller) noexcept {
  GeneratorFrame& frame = *frame_;
  frame.phase_ = GeneratorFrame::Phase::running;
  child_ = &frame;
  caller.run_child(child_);
  if (frame.phase_ == GeneratorFrame::Phase::running) return true;
  caller.child_ended();
  return false;
}

void* GeneratorStep::end() {
  if (busy_) throw InvalidState("the generator is already running: one next() or close() at a time");
  if (frame_ == nullptr) return nullptr;
  frame_->step_ = nullptr;
  const bool closing = std::exchange(frame_->closing_, false);
  if (frame_->phase_ == GeneratorFrame::Phase::yielded) {
    if (closing) throw InvalidState("the generator ignored GeneratorExit: it yielded while it was closed");
    void* item = frame_->item_;
    if (frame_->owner_ != nullptr) frame_ = nullptr;  // else it goes with this
    return item;
  }
  std::exception_ptr error = std::move(frame_->error_);
  std::exchange(frame_, nullptr)->handle().destroy();
  if (!error) return nullptr;
  try {
    std::rethrow_exception(std::move(error));
  } catch (const GeneratorExit&) {
    if (closing) return nullptr;
    throw;
  }
}

}  // namespace coterie::detail
