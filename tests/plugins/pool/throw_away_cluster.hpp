// A PostgreSQL of the test's own in a temporary folder: unix socket only, gone at the end. Runs as postgres when the
// test runs as root, else as the caller.
//
// Owns: the folder and the server.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <libpq-fe.h>
#include <unistd.h>

namespace howdah::test {

class ThrowAwayCluster {
public:
    ThrowAwayCluster() {
        char name[] = "/tmp/howdah-pg-XXXXXX";
        folder_ = mkdtemp(name);
        run("chmod 755 " + folder_);
        if (geteuid() == 0) run("chown postgres " + folder_);
        runAsServer(bin() + "/initdb -D " + folder_ + "/data -A trust -U postgres -E UTF8 --locale=C --no-sync >" +
                    folder_ + "/initdb.log");
        // Some roles must show a password, so that a wrong one can be tried.
        std::string hba = folder_ + "/data/pg_hba.conf";
        run("sed -i '1i local all locked,rotated scram-sha-256' " + hba);
        start();
    }
    ThrowAwayCluster(const ThrowAwayCluster&) = delete;
    ThrowAwayCluster& operator=(const ThrowAwayCluster&) = delete;
    ~ThrowAwayCluster() {
        try {
            stop();
        } catch (const std::exception&) {
            // Stopped already by a test: the folder is all that is left.
        }
        std::filesystem::remove_all(folder_);
    }

    void start() {
        runAsServer(bin() + "/pg_ctl -D " + folder_ + "/data -w -t 60 -l " + folder_ +
                    "/log -o \"-c listen_addresses='' -k " + folder_ +
                    " -c fsync=off -c password_encryption=scram-sha-256 -c max_connections=40\" start >" + folder_ +
                    "/ctl.log");
    }
    void stop() {
        runAsServer(bin() + "/pg_ctl -D " + folder_ + "/data -w -m immediate stop >" + folder_ + "/ctl.log");
    }

    std::string dsn(const std::string& user = "postgres", const std::string& more = "") const {
        return "host=" + folder_ + " user=" + user + " dbname=postgres" + more;
    }

    std::string socket() const { return folder_ + "/.s.PGSQL.5432"; }

    // Directly, past the pool.
    std::string admin(const std::string& sql) const {
        std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(dsn("postgres").c_str()), &PQfinish);
        std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
        ExecStatusType status = PQresultStatus(result.get());
        if (status == PGRES_FATAL_ERROR) throw std::runtime_error(PQerrorMessage(connection.get()));
        return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
    }
    // Ends them and waits until they are gone (pg_terminate_backend waits by itself from PostgreSQL 14 only).
    void terminateOthers() const {
        admin(R"sql(do $$
            declare
                pids int[] := array(select pid from pg_stat_activity where application_name = 'howdah' and pid <> pg_backend_pid());
            begin
                perform pg_terminate_backend(pid) from unnest(pids) pid;
                while exists (select from pg_stat_activity where pid = any (pids)) loop
                    perform pg_sleep(0.01), pg_stat_clear_snapshot();
                end loop;
            end $$)sql");
    }

private:
    static std::string bin() {
        static const std::string found = [] {
            if (const char* given = std::getenv("HOWDAH_PG_BINDIR")) return std::string(given);
            std::string newest;
            for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
                newest = std::max(newest, version.path().string());
            }
            return newest + "/bin";
        }();
        return found;
    }
    static void run(const std::string& command) {
        if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
    }
    static void runAsServer(const std::string& command) {
        run(geteuid() == 0 ? "cd /tmp && runuser -u postgres -- " + command : command);
    }

    std::string folder_;
};

}  // namespace howdah::test
