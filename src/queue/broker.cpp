#include "coterie/queue/broker.hpp"

namespace coterie::queue {

Task<std::vector<std::string>> Broker::warnings() {
  co_return std::vector<std::string>();
}

}  // namespace coterie::queue
