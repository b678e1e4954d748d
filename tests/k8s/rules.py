"""What must hold of every rendering of the manifests, rule by rule: each rule gives a sentence for what is wrong."""

import re

from renderings import FLAGS, NAME, PARTS, SERVICES, SETTINGS, connections, program

# How long a process takes to end by itself after SIGTERM at most (HARD_END in crates/chassis/src/boot.rs), in seconds.
HARD_END = 25
# Connections of one process (PAYTERMS_DATABASE_CONNECTIONS).
CONNECTIONS = 12


def images_are_pinned(rendering):
    """Images have a digest; in dev those of the suite, which are built here, have a tag of their own."""
    for owner, _, container in rendering.containers():
        own = rendering.name == "dev" and container["image"] in ("payterms:dev", "payterms-simulator:dev")
        if not own and not re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", container["image"]):
            yield f"{owner}: {container['image']} has no digest"


def pods_are_restricted(rendering):
    """Nobody is root, and the fsGroup makes secrets readable for the user of the process."""
    for owner, template in rendering.pods():
        spec = template["spec"]
        context = spec.get("securityContext", {})
        if not context.get("runAsNonRoot") or not context.get("runAsUser") or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{owner}: the pod is not restricted"
        if context.get("fsGroup") != context.get("runAsGroup") or not context.get("fsGroup"):
            yield f"{owner}: without fsGroup the user cannot read the secrets"
        if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC", "initContainers")):
            yield f"{owner}: it takes of the host"
        if any("hostPath" in volume for volume in spec.get("volumes", [])):
            yield f"{owner}: it mounts of the host"


def containers_are_restricted(rendering):
    """No escalation, a read-only root file system, no capability."""
    wanted = {"allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    for owner, _, container in rendering.containers():
        if container.get("securityContext") != wanted:
            yield f"{owner}: the container is not restricted"


def no_token_and_no_links(rendering):
    """Nobody calls Kubernetes, and no variable is made of the names of Services."""
    accounts = rendering.of("ServiceAccount")
    for owner, template in rendering.pods():
        spec = template["spec"]
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{owner}: a token or variables of Services come into the pod"
        if spec.get("serviceAccountName") not in accounts:
            yield f"{owner}: it has no account of its own"
    for name, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {name}: a token is mounted"


def resources_are_bounded(rendering):
    """Requests of all, limits of memory and files, none of CPU."""
    for owner, _, container in rendering.containers():
        resources = container.get("resources", {})
        if set(resources.get("requests", {})) != {"cpu", "memory", "ephemeral-storage"}:
            yield f"{owner}: requests are not complete"
        if set(resources.get("limits", {})) != {"memory", "ephemeral-storage"}:
            yield f"{owner}: limits are of memory and files"


def parts_are_there_twice(rendering):
    """Two of each part, on different machines and zones, also while nodes are drained and versions change."""
    for name in PARTS:
        deployment = rendering.parts().get(name)
        if not deployment:
            yield f"there is no Deployment {name}"
            continue
        spec = deployment["spec"]
        labels = {NAME: name}
        scaler = rendering.of("HorizontalPodAutoscaler").get(name, {}).get("spec", {})
        if "replicas" in spec or scaler.get("minReplicas", 0) < 2 or scaler.get("scaleTargetRef", {}).get("name") != name:
            yield f"{name}: the autoscaler alone keeps two and more"
        budget = rendering.of("PodDisruptionBudget").get(name, {}).get("spec", {})
        if budget.get("maxUnavailable") != 1 or budget.get("selector") != {"matchLabels": labels}:
            yield f"{name}: no budget bounds disruptions"
        if spec["strategy"].get("rollingUpdate") != {"maxSurge": 1, "maxUnavailable": 0}:
            yield f"{name}: a rollout takes a pod away before there is another"
        spread = {each["topologyKey"] for each in spec["template"]["spec"].get("topologySpreadConstraints", [])}
        if spread != {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
            yield f"{name}: it is not spread over machines and zones"
        for service, headless in ((name, False), (f"{name}-headless", True)):
            found = rendering.of("Service").get(service, {}).get("spec", {})
            if found.get("selector") != labels or (found.get("clusterIP") == "None") != headless:
                yield f"{name}: the Service {service} is missing or wrong"


def nothing_is_open_to_the_outside(rendering):
    """What lets the world in is made by the people of the cluster, with TLS."""
    for name, service in rendering.of("Service").items():
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"Service {name}: {service['spec']['type']} opens it to the outside"


def probes_ask_the_right_thing(rendering):
    """A restart only for what a restart mends; calls only where they can be answered."""
    for name, deployment in rendering.parts().items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        for probe, service in (("startupProbe", "liveness"), ("readinessProbe", "readiness"), ("livenessProbe", "liveness")):
            if container.get(probe, {}).get("grpc") != {"port": 50052, "service": service}:
                yield f"{name}: {probe} asks for {service}"


def pods_have_time_to_end(rendering):
    """No new calls first, then SIGTERM, and SIGKILL only after the process would have ended by itself."""
    for name, deployment in rendering.parts().items():
        spec = deployment["spec"]["template"]["spec"]
        pause = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if pause < 3 or spec.get("terminationGracePeriodSeconds", 30) <= pause + HARD_END:
            yield f"{name}: preStop and grace do not cover the {HARD_END} s of a drain"


def secrets_are_files(rendering):
    """Secrets are read-only files for the group of the process, whole folders, so that they are renewed."""
    for owner, template, container in rendering.containers():
        kinds = {}
        for volume in template["spec"].get("volumes", []):
            source = volume.get("secret") or volume.get("projected")
            kinds[volume["name"]] = source
            if source and (source.get("defaultMode", 0o644) & 0o447 != 0o440):
                yield f"{owner}: {volume['name']} has mode {source.get('defaultMode', 0o644):o}; 0440 is for the group alone"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in kinds and owner != "StatefulSet postgres":
                yield f"{owner}: {mount['name']} is no volume"
            if kinds.get(mount["name"]) and (not mount.get("readOnly") or "subPath" in mount):
                yield f"{owner}: {mount['name']} is not mounted read-only as a whole"
        for entry in container.get("env", []):
            if "secretKeyRef" in entry.get("valueFrom", {}) and entry["name"] != "PAYTERMS_MAIL_FROM":
                yield f"{owner}: {entry['name']} is a secret in the environment"


def settings_exist_and_required_ones_are_set(rendering):
    """Each variable is a setting of its program, what a program must be given is given, and files are where it looks."""
    for owner, _, container in rendering.containers():
        known = SETTINGS.get(program(container), {})
        given = {entry["name"]: entry for entry in container.get("env", [])}
        if len(given) != len(container.get("env", [])):
            yield f"{owner}: a variable is set twice"
        if program(container) == "postgres":
            continue
        for argument in container.get("args", []):
            if argument.startswith("--") and argument.split("=")[0] not in FLAGS[program(container)]:
                yield f"{owner}: {program(container)} has no {argument}"
        for name in given:
            if name not in known:
                yield f"{owner}: {program(container)} has no setting {name}"
        for name, required in known.items():
            if required and not {name, f"{name}_FILE", name.removesuffix("_FILE")} & set(given):
                yield f"{owner}: {name} is required"
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        for name, entry in given.items():
            value = entry.get("value", "")
            if value.startswith("/") and not any(value == path or value.startswith(f"{path}/") for path in mounts):
                yield f"{owner}: {name} is a path where nothing is mounted"


def is_the_internet(peer):
    """Whether it is every address but those inside, for webhooks."""
    inside = {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
    block = peer.get("ipBlock", {})
    return set(peer) == {"ipBlock"} and block["cidr"] == "0.0.0.0/0" and inside <= set(block.get("except", []))


def policies_are_the_topology(rendering):
    """Each pod has a policy of both directions, and each connection is allowed at both ends, and no other one."""
    policies = {}
    for name, policy in rendering.of("NetworkPolicy").items():
        if set(policy["spec"]["policyTypes"]) != {"Ingress", "Egress"}:
            yield f"NetworkPolicy {name}: it is for both directions"
        policies[policy["spec"]["podSelector"].get("matchLabels", {}).get(NAME, "")] = policy["spec"]
    if policies.get("", {"ingress": 1}).keys() & {"ingress", "egress"}:
        yield "no policy refuses what the others do not allow"
    for owner, template in rendering.pods():
        if template["metadata"]["labels"].get(NAME) not in policies:
            yield f"{owner}: no policy is for it"

    def pods(rules, side):
        selectors = [peer.get("podSelector", {}).get("matchLabels", {}) for rule in rules or [] for peer in rule.get(side, [])]
        return {labels[NAME] for labels in selectors if NAME in labels}

    told = {(name, to) for name, spec in policies.items() for to in pods(spec.get("egress"), "to")}
    heard = {(by, name) for name, spec in policies.items() for by in pods(spec.get("ingress"), "from")}
    expected = {(name, to) for name, opened in connections().items() for to in opened}
    if rendering.name == "dev":
        expected |= {(name, "postgres") for name in [*SERVICES, "migrate"]}
        expected |= {(name, "simulator") for name in ("wallet", "credit", "gateway")} | {("simulator", "gateway")}
    if told != expected:
        yield f"egress and proto/topology.toml differ in {sorted(told ^ expected)}"
    # The gateway lets in everybody.
    if heard != {pair for pair in expected if pair[1] != "gateway"}:
        yield f"ingress and proto/topology.toml differ in {sorted(heard ^ {pair for pair in expected if pair[1] != 'gateway'})}"
    for name, spec in policies.items():
        for rule in spec.get("egress") or []:
            ports = {port["port"] for port in rule.get("ports", [])}
            for peer in rule.get("to", []):
                spaces = peer.get("namespaceSelector", {}).get("matchLabels", {})
                own = "namespaceSelector" not in peer and NAME in peer.get("podSelector", {}).get("matchLabels", {})
                dns = spaces == {"kubernetes.io/metadata.name": "kube-system"} and peer["podSelector"]["matchLabels"] and ports == {53}
                database = set(peer) == {"ipBlock"} and peer["ipBlock"]["cidr"] != "0.0.0.0/0" and ports == {5432}
                spans = "providers" in rendering.name and spaces == {"kubernetes.io/metadata.name": "observability"} and ports == {4317}
                events = name in SERVICES and "providers" in rendering.name and spaces == {"kubernetes.io/metadata.name": "nats"} and ports == {4222}
                webhooks = name in SERVICES and "providers" in rendering.name and is_the_internet(peer) and ports == {443}
                if not (ports and (own or dns or database or spans or events or webhooks)):
                    yield f"NetworkPolicy {name}: it lets out to {peer} at {sorted(ports)}"
        ports = {port["port"] for rule in spec.get("egress") or [] if "to" not in rule for port in rule.get("ports", [])}
        allowed = {465, 587} if name == "invoicing" else set()
        allowed |= {443} if "providers" in rendering.name and name in ("invoicing", "credit", "wallet", "gateway") else set()
        if ports != allowed:
            yield f"NetworkPolicy {name}: ports {sorted(ports ^ allowed)} are open to every address, or closed"
        # Every service sends its own webhooks.
        sends = any(is_the_internet(peer) for rule in spec.get("egress") or [] for peer in rule.get("to", []))
        if sends != (name in SERVICES and "providers" in rendering.name):
            yield f"NetworkPolicy {name}: webhooks do not get out, or something else does"


def peers_are_the_topology(rendering):
    """A part has the addresses of those whom it opens connections to, and each is a Service."""
    for name, deployment in rendering.parts().items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        value = next((entry["value"] for entry in container["env"] if entry["name"] == "PAYTERMS_PEERS"), "")
        expected = [f"{peer}=https://{peer}-headless:50051" for peer in sorted(connections()[name])]
        if value.split(",") != expected:
            yield f"{name}: PAYTERMS_PEERS is not {','.join(expected)}"


def parts_show_certificates(rendering):
    """Each part has the certificate of its own name and says what it serves; in production the door has one too."""
    made = rendering.of("Certificate")
    for name, deployment in rendering.parts().items():
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        given = {entry["name"]: entry.get("value") for entry in container["env"]}
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
        mounted = {mount["mountPath"]: secrets.get(mount["name"]) for mount in container["volumeMounts"]}
        if mounted.get(given.get("PAYTERMS_TLS")) != f"payterms-{name}-tls":
            yield f"{name}: its certificate is missing or another's"
        if given.get("PAYTERMS_MODE") != ("development" if rendering.name == "dev" else "production"):
            yield f"{name}: PAYTERMS_MODE is {given.get('PAYTERMS_MODE')}"
        if name == "gateway" and rendering.name != "dev" and mounted.get(given.get("PAYTERMS_DOOR_TLS")) != "payterms-door-tls":
            yield f"{name}: callers are shown no certificate"
        if made:
            spec = made.get(f"payterms-{name}", {}).get("spec", {})
            usages = {"server auth", "client auth"} <= set(spec.get("usages", []))
            if spec.get("secretName") != f"payterms-{name}-tls" or spec.get("dnsNames") != [name] or not usages:
                yield f"{name}: cert-manager makes no certificate for it"
    if bool(made) != ("providers" in rendering.name):
        yield "certificates are made by cert-manager only where that is wanted"


def all_services_have_one_bus(rendering):
    """Every service has the broker, over TLS and with a user of its own, or none has; the gateway has none."""
    for name, deployment in rendering.parts().items():
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        given = {entry["name"]: entry.get("value", "") for entry in container["env"]}
        wanted = name in SERVICES and "providers" in rendering.name
        if bool(given.get("PAYTERMS_BUS")) != wanted:
            yield f"{name}: PAYTERMS_BUS is not that of the others"
        if wanted:
            secrets = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
            mounted = {mount["mountPath"]: secrets.get(mount["name"]) for mount in container["volumeMounts"]}
            folder = given.get("PAYTERMS_BUS_CREDENTIALS", "").rsplit("/", 1)[0]
            if not given["PAYTERMS_BUS"].startswith("tls://") or mounted.get(folder) != f"payterms-{name}-bus":
                yield f"{name}: it speaks to the broker in plain text, or as somebody else"


def each_schema_has_its_job(rendering):
    """One Job for each service, with the version of its schema in the name; it tries again, and goes when it is old."""
    jobs = rendering.of("Job")
    for service in SERVICES:
        own = [name for name in jobs if re.fullmatch(rf"migrate-{service}-\d{{4}}-[a-z0-9-]+", name)]
        if len(own) != 1:
            yield f"{service}: there is not one Job of its schema"
            continue
        spec = jobs[own[0]]["spec"]
        container = spec["template"]["spec"]["containers"][0]
        if program(container) != "payterms-migrate" or container["args"] != [service] or spec["template"]["spec"]["restartPolicy"] != "OnFailure":
            yield f"{own[0]}: it does not migrate {service}"
        if not spec.get("ttlSecondsAfterFinished") or spec.get("backoffLimit", 0) < 6:
            yield f"{own[0]}: it stays for ever, or gives up soon"


def the_database_takes_all_processes(rendering):
    """Each service knows how many processes share the server, at the height of a rollout of all."""
    scalers = rendering.of("HorizontalPodAutoscaler")
    most = sum(scalers[name]["spec"]["maxReplicas"] + 1 for name in SERVICES if name in scalers)
    for name in SERVICES:
        container = rendering.parts()[name]["spec"]["template"]["spec"]["containers"][0]
        told = next((entry.get("value") for entry in container["env"] if entry["name"] == "PAYTERMS_DATABASE_PROCESSES"), None)
        if told != str(most):
            yield f"{name}: PAYTERMS_DATABASE_PROCESSES is {told}, not {most}"
    for name, server in rendering.of("StatefulSet").items():
        arguments = " ".join(server["spec"]["template"]["spec"]["containers"][0]["args"])
        if int(re.search(r"max_connections=(\d+)", arguments)[1]) < most * CONNECTIONS + 10:
            yield f"{name}: max_connections is too small for {most} processes"


def everything_is_in_one_namespace(rendering):
    """Nothing lands elsewhere, and everything of the suite is named as such."""
    for (kind, name), each in rendering.objects.items():
        meta = each["metadata"]
        if kind != "Namespace" and meta.get("namespace") != "payterms":
            yield f"{kind} {name}: its namespace is {meta.get('namespace')}"


RULES = [
    images_are_pinned,
    pods_are_restricted,
    containers_are_restricted,
    no_token_and_no_links,
    resources_are_bounded,
    parts_are_there_twice,
    nothing_is_open_to_the_outside,
    probes_ask_the_right_thing,
    pods_have_time_to_end,
    secrets_are_files,
    settings_exist_and_required_ones_are_set,
    policies_are_the_topology,
    peers_are_the_topology,
    parts_show_certificates,
    all_services_have_one_bus,
    each_schema_has_its_job,
    the_database_takes_all_processes,
    everything_is_in_one_namespace,
]
