// The handlers behind the router's table. Each writes its whole answer into the exchange and leaves finishing to it.
#pragma once

namespace howdah::kernel {

struct Exchange;

void initialize(Exchange& exchange);
void ping(Exchange& exchange);
void discover(Exchange& exchange);
void toolsList(Exchange& exchange);
void toolsCall(Exchange& exchange);
void promptsList(Exchange& exchange);
void promptsGet(Exchange& exchange);
void resourcesList(Exchange& exchange);
void resourceTemplatesList(Exchange& exchange);
void resourcesRead(Exchange& exchange);
void resourcesSubscribe(Exchange& exchange);
void resourcesUnsubscribe(Exchange& exchange);
void complete(Exchange& exchange);
void setLogLevel(Exchange& exchange);
void listen(Exchange& exchange);
void tasksGet(Exchange& exchange);
void tasksCancel(Exchange& exchange);
void tasksUpdate(Exchange& exchange);
void tasksList(Exchange& exchange);
void tasksResult(Exchange& exchange);

void initialized(Exchange& exchange);
void cancelled(Exchange& exchange);

}  // namespace howdah::kernel
