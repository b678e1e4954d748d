"""The manifests as they were rendered, and the facts of the repository that they are held to."""

import re
import sys
import tomllib

import yaml

ROOT, FOLDER = sys.argv[1:3]
TOPOLOGY = tomllib.load(open(f"{ROOT}/proto/topology.toml", "rb"))
SERVICES = sorted(TOPOLOGY)
PARTS = [*SERVICES, "gateway"]
NAME = "app.kubernetes.io/name"


def settings():
    """The settings of each program, from the page that is made of the command lines: name to whether it is required."""
    found = {}
    for line in open(f"{ROOT}/docs/configuration.md"):
        cells = [cell.strip() for cell in line.split(" | ")]
        if line.startswith("| `PAYTERMS_") and len(cells) == 5:
            for program in re.findall(r"`([a-z-]+)`", cells[4]):
                found.setdefault(program, {})[cells[0].strip("| `")] = cells[2].startswith("required")
    return found


def flags():
    """The flags of each program and of its commands."""
    found = {}
    for line in open(f"{ROOT}/docs/configuration.md"):
        if flag := re.search(r"`(?:[a-z]+ )?(--[a-z-]+)` \|", line):
            for program in re.findall(r"`([a-z-]+)`", line.rsplit(" | ", 1)[1]):
                found.setdefault(program, set()).add(flag[1])
    return found


SETTINGS = settings()
FLAGS = flags()


class Rendering:
    """The objects of one rendering, by kind and name."""

    def __init__(self, name, objects):
        self.name = name
        self.objects = {(each["kind"], each["metadata"]["name"]): each for each in objects if each}
        assert len(self.objects) == len([each for each in objects if each]), f"{name}: two objects of one name"

    def of(self, kind):
        return {name: each for (found, name), each in self.objects.items() if found == kind}

    def pods(self):
        """Templates of pods: name of the owner, the template."""
        for kind in ("Deployment", "StatefulSet", "Job"):
            for name, each in self.of(kind).items():
                yield f"{kind} {name}", each["spec"]["template"]

    def containers(self):
        for owner, template in self.pods():
            for container in template["spec"]["containers"]:
                yield owner, template, container

    def parts(self):
        """Deployments of the suite itself."""
        return {name: each for name, each in self.of("Deployment").items() if name in PARTS}


def program(container):
    return container.get("command", ["postgres"])[0].rsplit("/", 1)[-1]


def connections():
    """Who opens connections to whom: calls, events to subscribers, the clocks that invoicing runs, the gateway to all."""
    opened = {name: set(row["calls"]) for name, row in TOPOLOGY.items()}
    for subscriber, row in TOPOLOGY.items():
        for publisher in row.get("hears", {}):
            opened[publisher].add(subscriber)
    return opened | {"invoicing": set(SERVICES), "gateway": set(SERVICES)}


def load(name):
    with open(f"{FOLDER}/{name}.yaml") as file:
        return Rendering(name, list(yaml.safe_load_all(file)))
