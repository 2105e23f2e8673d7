// The end of a lease, in its ways.
#include "database.hpp"

namespace howdah::pool {

Lease& Lease::operator=(Lease&& other) noexcept {
    if (this != &other) {
        close();
        database_ = std::move(other.database_);
        connection_ = std::move(other.connection_);
        holder_ = other.holder_;
    }
    return *this;
}

void Lease::giveBack() {
    if (!connection_) return;
    connection_->needsReset() && !connection_->isCondemned() ? database_->settle(std::move(connection_), holder_, false)
                                                             : database_->returned(std::move(connection_), holder_);
}

void Lease::close() {
    if (connection_) database_->returned(std::move(connection_), holder_, false);
}

void Lease::lost(std::string_view sqlstate) {
    if (!connection_) return;
    const std::string server = connection_->server();
    close();
    database_->noteLost(server, sqlstate);
}

void Lease::leaveServer() {
    connection_->condemn();
    database_->dropServer(connection_->server());
}

void onStandby(Lease& lease, Failure& failure) {
    failure.outcome = Outcome::not_sent;
    failure.at_once = true;
    failure.error.hint =
        concat("the server is a standby", "; name all hosts in the dsn, with target_session_attrs=read-write");
    lease.leaveServer();
}

void Lease::settleInBackground(bool cancel) {
    if (connection_) database_->settle(std::move(connection_), holder_, cancel);
}

}  // namespace howdah::pool
