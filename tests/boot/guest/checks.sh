# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What scenarios are written with. Each check says once how it went, with what it measured. What has
# to come is waited for while traffic goes on, never for a length of time: a slow machine is no failure.

records=/run/segd-boot
unit=segd.service
approved='open reply new second'
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

pass() { # check, what was measured
    echo "BOOT-TEST PASS $1: $2"
}

fail() { # check, why
    echo "BOOT-TEST FAIL $1: $2"
}

equal() { # check, value, value that is right
    if [ "$2" = "$3" ]; then
        pass "$1" "$2"
    else
        fail "$1" "$2 instead of $3"
    fi
}

differs() { # check, value, value that is wrong
    if [ "$2" != "$3" ]; then
        pass "$1" "$2, before $3"
    else
        fail "$1" "$2 as before"
    fi
}

# On one line, as much of a text as a person reads.
in_short() {
    tr -s '\n ' ' ' | cut -c 1-400
}

# The words of a command that must end well, or with another status where one is given before it.
succeeds() { # check, command
    exits 0 "$@"
}

exits() { # status, check, command
    expected=$1
    name=$2
    shift 2
    "$@" >"$records/output" 2>&1
    status=$?
    if [ "$status" -eq "$expected" ]; then
        pass "$name" "exit $status: $(in_short <"$records/output")"
    else
        fail "$name" "exit $status instead of $expected: $(in_short <"$records/output")"
    fi
}

# A text that is in what the last command of `exits` printed, or in a file.
says() { # check, pattern of grep -E, file
    if found=$(grep -E -m 1 -- "$2" "${3:-$records/output}"); then
        pass "$1" "$(echo "$found" | in_short)"
    else
        fail "$1" "nothing like '$2' in: $(tail -n 5 "${3:-$records/output}" | in_short)"
    fi
}

# Counters of traffic, after some more rounds of it.
count() { # name of the record, rounds
    /usr/lib/segd-boot/traffic counters "${2:-0}" >"$records/$1"
}

counter() { # name of the record, key
    sed -n "s/^$2 //p" "$records/$1"
}

# Lets traffic go on until a command succeeds.
await() { # command
    until "$@" >/dev/null 2>&1; do
        /usr/lib/segd-boot/traffic counters 10 >/dev/null
    done
}

# Between two records: of kinds that pass nothing was lost, of all others nothing arrived. Kinds that
# change in between are not judged.
passed_only() { # check, record, record, kinds that pass, kinds that change
    if measured=$(awk -v passing=" ${4:-} " -v changing=" ${5:-} " '
        FNR == NR { before[$1] = $2; next }
        { now[$1] = $2 - before[$1] }
        END {
            for (key in now) {
                if (split(key, word, ".") != 3 || word[3] != "sent" ||
                    index(changing, " " word[1] " "))
                    continue
                name = word[1] "." word[2]
                sent = now[key]
                arrived = now[name ".arrived"]
                if (index(passing, " " word[1] " ")) {
                    approved += sent
                    lost += sent - arrived
                    if (sent != arrived)
                        wrong = wrong " " name " lost " sent - arrived ","
                } else {
                    others += sent
                    through += arrived
                    if (arrived > 0)
                        wrong = wrong " " name " passed " arrived " times,"
                }
            }
            if (now["strays"] > 0)
                wrong = wrong " " now["strays"] " came twice or late,"
            if (now["rounds"] < 1)
                wrong = wrong " there was no traffic,"
            printf "%d rounds; of %d approved %d lost, of %d others %d passed;%s\n", \
                now["rounds"], approved, lost, others, through, wrong
            exit wrong != ""
        }
    ' "$records/$2" "$records/$3"); then
        pass "$1" "$measured"
    else
        fail "$1" "$measured"
    fi
}

# From the first round of this boot on: each approved kind came to pass, and from then on nothing of
# it was lost; nothing else ever passed.
passed_since_boot() { # check, record, kinds that pass
    if measured=$(awk -v passing=" $3 " '
        { now[$1] = $2 }
        END {
            for (key in now) {
                if (split(key, word, ".") != 3 || word[3] != "sent")
                    continue
                name = word[1] "." word[2]
                if (index(passing, " " word[1] " ")) {
                    before = now[name ".first"] - 1
                    closed = before > closed ? before : closed
                    approved += now[name ".arrived"]
                    lost += now[name ".lost"]
                    if (now[name ".first"] == 0)
                        wrong = wrong " " name " never passed,"
                    if (now[name ".lost"] > 0)
                        wrong = wrong " " name " lost " now[name ".lost"] ","
                } else {
                    others += now[key]
                    through += now[name ".arrived"]
                    if (now[name ".arrived"] > 0)
                        wrong = wrong " " name " passed " now[name ".arrived"] " times,"
                }
            }
            if (now["strays"] > 0)
                wrong = wrong " " now["strays"] " came twice or late,"
            if (now["rounds"] < 1)
                wrong = wrong " there was no traffic,"
            printf "%d rounds, %d of them before anything passed; then %d approved arrived, %d lost; of %d others %d passed;%s\n", \
                now["rounds"], closed, approved, lost, others, through, wrong
            exit wrong != ""
        }
    ' "$records/$2"); then
        pass "$1" "$measured"
    else
        fail "$1" "$measured"
    fi
}

# A command in the midst of traffic that goes on as if nothing were.
undisturbed() { # check, command
    subject=$1
    shift
    count "$subject.before"
    succeeds "$subject-done" "$@"
    count "$subject.after" 50
    passed_only "$subject-traffic" "$subject.before" "$subject.after" "$approved"
}

# What passes from now on.
passes_now() { # check, kinds that pass
    count "$1.before"
    count "$1.after" 50
    passed_only "$1" "$1.before" "$1.after" "${2:-}"
}

# A policy takes the place of the one before in one piece.
write_policy() { # the text comes from standard input
    cat >/etc/segd/policy.d/10-boot.yaml.new
    chmod 0640 /etc/segd/policy.d/10-boot.yaml.new
    mv /etc/segd/policy.d/10-boot.yaml.new /etc/segd/policy.d/10-boot.yaml
}

first_policy() {
    cat /usr/lib/segd-boot/10-boot.yaml
}

# Approves the kind `port` too.
wider_policy() {
    first_policy | sed 's,^  second:.*,&\n  third: { from: office\, to: core\, services: udp/7009 },'
}

# Root tries to empty or to remove the table, over and over, until `end_attack`. While it has an owner
# each try is refused.
begin_attack() {
    rm -f "$records/attack.end" "$records/attack"
    while [ ! -e "$records/attack.end" ]; do
        nft delete table inet segd 2>&1
        nft flush chain inet segd forward 2>&1
    done >"$records/attack" &
    attack=$!
}

end_attack() { # check
    : >"$records/attack.end"
    wait "$attack"
    tries=$(grep -c '^Error:' "$records/attack")
    others=$(grep '^Error:' "$records/attack" | grep -v -c 'Operation not permitted')
    if [ "$tries" -gt 0 ] && [ "$others" -eq 0 ]; then
        pass "$1" "$tries of $tries tries of root to change the table were refused"
    else
        fail "$1" "$others of $tries errors were no refusals: $(grep '^Error:' "$records/attack" |
            grep -v 'Operation not permitted' | in_short)"
    fi
}

is_owned() { # check
    equal "$1" "$(json owned segctl status)" true
    exits 1 "$1-by-nobody-else" nft delete table inet segd
    says "$1-refusal" 'Operation not permitted'
}

property() { # of systemd, name; of segd's unit unless another is given
    systemctl show --property "$1" --value "${2:-$unit}"
}

# A number or a text of `segctl ... --json`, where the key is there once.
json() { # key, command
    key=$1
    shift
    "$@" --json 2>/dev/null | tr -d '\n' |
        sed -n "s/.*\"$key\": *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"
}

# As somebody else, with the groups that belong to them.
as() { # user, command
    user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

boot_is_complete() {
    systemctl is-system-running --wait >"$records/running" 2>&1
    # What else failed in this machine has no part in this.
    succeeds segd-is-active systemctl is-active "$unit"
}
