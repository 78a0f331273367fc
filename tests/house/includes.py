#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files include which, as a graph.

Data flows along one line: text, policy, diagram, ruleset, batch, kernel. A folder is a room on that
line, and an include may point only to a room that stands before its own, so that each layer can be
read and tested without those after it. Within a room, files that include each other in a circle can
only be read all at once; where this is ruled out, and everywhere between rooms, a circle is an
error.

  includes.py TREE                 checks a source tree
  includes.py --draw [--dot] TREE  prints the rooms, the arrows between them and the circles
  includes.py --self-test          proves that violations are found
"""

import collections
import os
import re
import sys
import tempfile

# Each room, and those directly before it: it may include these and all that they may include.
ROOMS = {
    'lib/base': [],
    'lib/record': ['lib/base'],
    'lib/control': ['lib/base'],
    'lib/metrics': ['lib/record', 'lib/control'],
    'lib/policy': ['lib/record'],
    'lib/diagram': ['lib/policy'],
    'lib/answer': ['lib/diagram'],
    'lib/ruleset': ['lib/diagram'],
    'lib/compiled': ['lib/answer', 'lib/ruleset'],
    'lib/rulepack': ['lib/compiled'],
    'lib/kernel': ['lib/compiled'],
    'lib/observe': ['lib/rulepack', 'lib/kernel'],
    'lib/lab': ['lib/observe'],
    'daemon/log': ['lib/observe', 'lib/control'],
    'daemon/record': ['daemon/log'],
    'daemon': ['daemon/record'],
    'daemon/change': ['daemon'],
    'daemon/control': ['daemon/change'],
    'daemon/watch': ['daemon/change'],
    'daemon/manager': ['daemon/control', 'daemon/watch'],
    'tools': ['lib/lab', 'lib/metrics'],
    'tests': ['tools', 'daemon/manager'],
}

# Files that stand elsewhere on the line than the others of their folder.
ROOM_OF_FILE = {
    'daemon/log': 'daemon/log',
    'daemon/step': 'daemon/log',
    'daemon/manager': 'daemon/manager',
    'daemon/main': 'daemon/manager',
}

# Rooms in which no circle of files is allowed. One between rooms is allowed nowhere.
NO_CIRCLES = {'lib/diagram', 'lib/answer'} | {room for room in ROOMS if room.startswith('daemon')}

INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*(["<])([^">]*)[">]')


def rooms_before(room):
    """The rooms that a room may include: itself and all before it, nearest to the base first."""
    found = set()

    def visit(name):
        if name not in found:
            found.add(name)
            for before in ROOMS[name]:
                visit(before)

    visit(room)
    return [name for name in ROOMS if name in found]


def room_of(stem):
    """The room of a file named without its suffix: of a file of tools or tests its first folder."""
    folders = stem.split('/')[:-1]
    if folders[0] in ('tools', 'tests'):
        return folders[0]
    return ROOM_OF_FILE.get(stem, '/'.join(folders[:2]))


def object_of(file):
    """The object of a file: a pair x.c and x.h is one, with x_private.h where it has one."""
    return re.sub(r'_private$', '', file[:-2])


class Graph:
    """The objects of a tree, each named by what is before the dot."""

    def __init__(self, tree):
        self.findings = []
        self.arrows = collections.defaultdict(set)  # object → those that it includes
        self.rooms = {}  # object → room
        self.counts = collections.Counter()  # (room, room) → includes
        files = sorted(
            os.path.relpath(os.path.join(folder, name), tree)
            for top in ('lib', 'daemon', 'tools', 'tests')
            for folder, _, names in os.walk(os.path.join(tree, top))
            for name in names if name.endswith(('.c', '.h')))
        if not files:
            self.findings.append(f'{tree}: there is no source to check')
        for file in files:
            self.rooms[object_of(file)] = room_of(file[:-2])
        for file in files:
            room = room_of(file[:-2])
            if room not in ROOMS:
                self.findings.append(f'{file}: no rule says what {room} may include')
                continue
            with open(os.path.join(tree, file), encoding='utf-8') as text:
                for number, line in enumerate(text, 1):
                    match = INCLUDE.match(line)
                    if match:
                        self.add(f'{file}:{number}', object_of(file), match[1] == '"', match[2])

    def add(self, place, stem, own, path):
        """Adds the arrow of one include, or a finding."""
        room = self.rooms[stem]
        first = path.split('/')[0]
        target = object_of(path)
        if first in ('.', '..') or '/./' in path or '/../' in path:
            self.findings.append(f'{place}: "{path}" must be named from the folder lib on')
            return
        if '/' not in path:
            target = os.path.join(os.path.dirname(stem), target)
            if not own or target not in self.rooms:
                return
        elif 'lib/' + first in ROOMS:
            target = 'lib/' + target
        elif first not in ('daemon', 'tools', 'tests'):
            if own and room not in ('tools', 'tests'):
                self.findings.append(f'{place}: "{path}" is in none of our folders')
            return

        target_room = room_of(target)
        allowed = rooms_before(room)
        if target_room not in allowed:
            self.findings.append(f'{place}: {room} must not include "{path}"; only: ' +
                                 ' '.join(allowed))
        if target != stem and target in self.rooms:
            self.arrows[stem].add(target)
            if target_room != room:
                self.counts[room, target_room] += 1

    def circles(self):
        """Sets of objects each of which includes all others, directly or through others of the set:
        the strongly connected components, by Tarjan's algorithm."""
        found, order, lowest, path = [], {}, {}, []

        def visit(node):
            order[node] = lowest[node] = len(order)
            path.append(node)
            for target in sorted(self.arrows[node]):
                if target not in order:
                    visit(target)
                    lowest[node] = min(lowest[node], lowest[target])
                elif target in path:
                    lowest[node] = min(lowest[node], order[target])
            if lowest[node] == order[node]:
                circle = path[path.index(node):]
                del path[path.index(node):]
                if len(circle) > 1:
                    found.append(sorted(circle))

        for node in sorted(self.rooms):
            if node not in order:
                visit(node)
        return sorted(found)

    def check(self):
        """The findings of includes that point the wrong way and of circles."""
        findings = list(self.findings)
        for circle in self.circles():
            rooms = {self.rooms[node] for node in circle}
            if len(rooms) > 1 or rooms & NO_CIRCLES:
                findings.append(f'{circle[0]}: {len(circle)} files include each other in a circle, '
                                f'for example {" -> ".join(self.shortest(circle))}')
        return findings

    def shortest(self, circle):
        """A shortest way from the first of a circle back to it."""
        ways = collections.deque([[circle[0]]])
        seen = set()
        while True:
            way = ways.popleft()
            for target in sorted(self.arrows[way[-1]] & set(circle)):
                if target == circle[0]:
                    return way + [target]
                if target not in seen:
                    seen.add(target)
                    ways.append(way + [target])

    def draw(self):
        """The graph as text."""
        sizes = collections.Counter(self.rooms.values())
        for room in [room for room in ROOMS if sizes[room]]:
            print(f'{room}: {sizes[room]} objects')
            for target in [target for target in ROOMS if (room, target) in self.counts]:
                print(f'  -> {target} {self.counts[room, target]}')
        for circle in self.circles():
            inner = sum(len(self.arrows[node] & set(circle)) for node in circle)
            print(f'circle of {len(circle)} with {inner} arrows:')
            for node in circle:
                print(f'  {node} -> {" ".join(sorted(self.arrows[node] & set(circle)))}')

    def draw_dot(self):
        """The graph for Graphviz: the rooms, and for each circle a box with its files."""
        print('digraph includes {\n  node [shape=box];')
        for room in [room for room in ROOMS if room in self.rooms.values()]:
            print(f'  "{room}";')
        for (room, target), count in sorted(self.counts.items()):
            print(f'  "{room}" -> "{target}" [label={count}];')
        for number, circle in enumerate(self.circles()):
            print(f'  subgraph cluster_{number} {{\n    node [shape=ellipse];')
            for node in circle:
                for target in sorted(self.arrows[node] & set(circle)):
                    print(f'    "{node}.c" -> "{target}.c";')
            print('  }')
        print('}')


GOOD_TREE = {
    'lib/base/base.c': '#include "base/base.h"\n#include <stdio.h>\n#include <linux/netfilter.h>\n'
                       '/* #include "policy/policy.h" is what this must not say. */\n',
    'lib/base/base.h': '',
    'lib/record/record.h': '#include "base/base.h"',
    'lib/control/control.c': '#include "base/base.h"',
    'lib/control/control.h': '',
    'lib/policy/policy.h': '#include "record/record.h"\n#include "policy/draft.h"',
    'lib/policy/draft.h': '#include "base/base.h"',
    'lib/policy/draft.c': '#include "policy/policy.h"',  # a circle within a room that has no rule
    'lib/diagram/diagram.h': '#include "policy/policy.h"',
    'lib/diagram/build.c': '#include "diagram/diagram.h"',
    'lib/answer/answer.h': '#include "diagram/diagram.h"',
    'lib/ruleset/ruleset.h': '#include "diagram/diagram.h"',
    'lib/compiled/compiled.h': '#include "ruleset/ruleset.h"\n#include "answer/answer.h"',
    'lib/rulepack/rulepack.h': '#include "compiled/compiled.h"',
    'lib/kernel/kernel.h': '#include "compiled/compiled.h"',
    'lib/observe/observe.h': '#include "kernel/kernel.h"\n#include "rulepack/rulepack.h"',
    'lib/lab/lab.h': '#include "observe/observe.h"',
    'daemon/log.h': '#include "observe/observe.h"',
    'daemon/step.h': '',
    'daemon/record/state.h': '#include "daemon/log.h"',
    'daemon/record/audit.h': '#include "daemon/step.h"',
    'daemon/gateway.h': '#include "daemon/record/state.h"\n#include "control/control.h"',
    'daemon/gateway.c': '#include "daemon/gateway.h"',
    'daemon/change/change.h': '#include "daemon/gateway.h"\n#include "daemon/record/state.h"',
    'daemon/control/server.h': '#include "daemon/change/change.h"\n#include "daemon/gateway.h"',
    'daemon/watch/clock.h': '#include "daemon/change/change.h"\n#include "daemon/record/state.h"',
    'daemon/manager.h': '',
    'daemon/manager.c': '#include "daemon/control/server.h"\n#include "daemon/watch/clock.h"',
    'daemon/main.c': '#include "daemon/manager.h"\n#include "daemon/change/change.h"',
    'tools/segctl/words.h': '#include "lab/lab.h"\n#include "control/control.h"',
    'tools/segctl/main.c': '#include "words.h"\n#include "jansson/unknown.h"',
    'tests/unit/test_lab.c': '#include "lab/lab.h"\n#include "daemon/manager.h"\n'
                             '#include "tests/unit/harness.h"',
    'tests/unit/harness.h': '',
}

# What must be found: a file, its text, and what that proves. A file of GOOD_TREE is replaced.
BAD_FILES = [
    ('lib/base/bad.c', '#include "policy/policy.h"', 'base does not know policy'),
    ('lib/base/bad.c', '#include <policy/policy.h>', 'angle brackets do not help'),
    ('lib/base/bad.c', ' #  include "policy/policy.h"', 'spaces do not help'),
    ('lib/base/bad.c', '#include "../policy/policy.h"', 'no way around by dots'),
    ('lib/base/bad.c', '#include "lib/base/base.h"', 'nor by the folder lib'),
    ('lib/unknown/bad.c', '#include "base/base.h"', 'each folder needs a rule'),
    ('daemon/unknown/bad.c', '#include "base/base.h"', 'also each folder of the daemon'),
    ('lib/record/bad.c', '#include "policy/policy.h"', 'record needs base only'),
    ('lib/record/bad.c', '#include "control/control.h"', 'record not control'),
    ('lib/control/bad.c', '#include "policy/policy.h"', 'control needs base only'),
    ('lib/control/bad.c', '#include "record/record.h"', 'control not record'),
    ('lib/policy/bad.h', '#include "diagram/diagram.h"', 'policy not diagram, in a header'),
    ('lib/diagram/bad.c', '#include "answer/answer.h"', 'diagram not answer'),
    ('lib/diagram/bad.c', '#include "ruleset/ruleset.h"', 'diagram not ruleset'),
    ('lib/answer/bad.c', '#include "ruleset/ruleset.h"', 'answer not ruleset'),
    ('lib/ruleset/bad.c', '#include "answer/answer.h"', 'ruleset not answer'),
    ('lib/ruleset/bad.c', '#include "compiled/compiled.h"', 'ruleset not compiled'),
    ('lib/compiled/bad.c', '#include "kernel/kernel.h"', 'compiled not kernel'),
    ('lib/compiled/bad.c', '#include "rulepack/rulepack.h"', 'compiled not rulepack'),
    ('lib/rulepack/bad.c', '#include "kernel/kernel.h"', 'rulepack not kernel'),
    ('lib/kernel/bad.c', '#include "rulepack/rulepack.h"', 'kernel not rulepack'),
    ('lib/kernel/bad.c', '#include "observe/observe.h"', 'kernel not observe'),
    ('lib/observe/bad.c', '#include "lab/lab.h"', 'observe not lab'),
    ('lib/observe/bad.c', '#include "control/control.h"', 'observe not control'),
    ('lib/lab/bad.c', '#include "daemon/gateway.h"', 'lab not daemon'),
    ('tools/bad.c', '#include "daemon/log.h"', 'tools use lib only'),
    ('daemon/bad.c', '#include "lab/lab.h"', 'daemon not lab'),
    ('daemon/bad.c', '#include "daemon/change/change.h"', 'files of daemon/ not its change'),
    ('daemon/bad.c', '#include "daemon/control/server.h"', 'files of daemon/ not its control'),
    ('daemon/step.h', '#include "daemon/record/state.h"', 'step stands before record'),
    ('daemon/record/bad.c', '#include "daemon/gateway.h"', 'record not the files of daemon/'),
    ('daemon/record/bad.c', '#include "daemon/change/change.h"', 'record not change'),
    ('daemon/change/bad.c', '#include "daemon/control/server.h"', 'change not control'),
    ('daemon/change/bad.c', '#include "daemon/watch/clock.h"', 'change not watch'),
    ('daemon/control/bad.c', '#include "daemon/watch/clock.h"', 'control not watch'),
    ('daemon/watch/bad.c', '#include "daemon/control/server.h"', 'watch not control'),
    ('daemon/watch/bad.c', '#include "daemon/manager.h"', 'manager stands last'),
    ('lib/diagram/build.h', '#include "diagram/near.h"', 'a circle in diagram',
     'lib/diagram/near.c', '#include "diagram/build.h"', 'lib/diagram/near.h', ''),
    ('lib/answer/answer.h', '#include "answer/near.h"', 'a circle in answer',
     'lib/answer/near.h', '#include "answer/answer.h"'),
    ('daemon/gateway.h', '#include "daemon/links.h"', 'a circle in daemon/',
     'daemon/links.c', '#include "daemon/gateway.h"', 'daemon/links.h', ''),
    ('daemon/watch/clock.c', '#include "daemon/watch/tables.h"', 'a circle of three in a room',
     'daemon/watch/tables.h', '#include "daemon/watch/visits.h"',
     'daemon/watch/visits.h', '#include "daemon/watch/clock.h"'),
]


def write(tree, path, text):
    """Writes one file of a tree."""
    path = os.path.join(tree, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text + '\n')


def findings_of(files):
    """What is found in a tree of these files."""
    with tempfile.TemporaryDirectory() as tree:
        for path, text in files.items():
            write(tree, path, text)
        return Graph(tree).check()


def self_test():
    """Each rule finds its violation and nothing else. Returns whether all did."""
    failures = []

    def expect(what, holds, findings):
        print(('ok: ' if holds else 'FAILED: ') + what)
        if not holds:
            failures.append(what)
            print('\n'.join(findings))

    findings = findings_of(GOOD_TREE)
    expect('arrows along the line are fine', not findings, findings)
    findings = findings_of({})
    expect('a tree without sources', len(findings) == 1, findings)

    for path, text, what, *more in BAD_FILES:
        findings = findings_of({**GOOD_TREE, path: text, **dict(zip(more[::2], more[1::2]))})
        is_circle = bool(more)
        expect(what, len(findings) == 1 and findings[0].startswith(path[:-2]) and
               ('circle' in findings[0]) == is_circle, findings)

    # Between rooms a circle needs an arrow that points the wrong way, and both are told.
    findings = findings_of({**GOOD_TREE, 'lib/base/base.c': '#include "policy/draft.h"'})
    expect('a circle between rooms', len(findings) == 2 and 'circle' in findings[1], findings)
    return not failures


def main(arguments):
    """Runs what the command line asks for; returns the exit code."""
    if arguments == ['--self-test']:
        return 0 if self_test() else 1
    if len(arguments) == 1 and not arguments[0].startswith('-'):
        findings = Graph(arguments[0]).check()
        print('\n'.join(findings), end='\n' if findings else '')
        return 1 if findings else 0
    if len(arguments) > 1 and arguments[0] == '--draw' and arguments[1:-1] in ([], ['--dot']):
        graph = Graph(arguments[-1])
        if '--dot' in arguments:
            graph.draw_dot()
        else:
            graph.draw()
        return 0
    print('usage: includes.py [--draw [--dot]] TREE | --self-test', file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
