"""Holds the renderings to the rules, compares them with each other, and shows that each rule can fail. `k8s/check` calls it.

Usage: check.py ROOT_OF_REPOSITORY FOLDER, with dev.yaml, production.yaml, providers.yaml, chart.yaml and chart-providers.yaml
"""

import copy
import sys

import rules
from renderings import load
from rules import RULES


def references(rendering):
    """The Secrets and ConfigMaps that pods name."""
    found = set()
    for _, template, container in rendering.containers():
        for volume in template["spec"].get("volumes", []):
            sources = [volume, *volume.get("projected", {}).get("sources", [])]
            found |= {("Secret", each["secret"].get("secretName") or each["secret"].get("name")) for each in sources if "secret" in each}
            found |= {("ConfigMap", each["configMap"]["name"]) for each in sources if "configMap" in each}
        for entry in container.get("env", []):
            for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if key in entry.get("valueFrom", {}):
                    found.add((kind, entry["valueFrom"][key]["name"]))
    return found


def dev_makes_what_production_is_given(dev, production):
    """The overlay dev generates each secret that pods name, by the names that production expects."""
    made = {key for key in dev.objects if key[0] in ("Secret", "ConfigMap")}
    if missing := sorted(references(dev) - made):
        yield f"dev: nobody makes {missing}"
    # The door of dev is plain.
    if missing := sorted(references(production) - made - {("Secret", "payterms-door-tls")}):
        yield f"production: dev knows no {missing}"
    if made & production.objects.keys():
        yield "production: secrets are somebody else's"


def without_helm(each):
    """An object without what only Helm writes."""
    meta = copy.deepcopy(each["metadata"])
    labels = {key: value for key, value in meta.get("labels", {}).items() if "helm" not in key and key != "app.kubernetes.io/managed-by"}
    hooks = {key: value for key, value in meta.get("annotations", {}).items() if "helm" not in key}
    return each | {"metadata": {"name": meta["name"], "namespace": meta.get("namespace"), "labels": labels, "annotations": hooks}}


def chart_is_the_overlay(chart, overlay):
    """The chart with its values as they come is the overlay production, object by object."""
    for key in sorted(chart.objects.keys() | overlay.objects.keys()):
        # The namespace is the one that the release is made in.
        if key[0] == "Namespace":
            continue
        ours, theirs = chart.objects.get(key), overlay.objects.get(key)
        if not ours or not theirs:
            yield f"{' '.join(key)} is only in the {'chart' if ours else 'overlay'}"
        elif without_helm(ours) != without_helm(theirs):
            yield f"{' '.join(key)} differs: {difference(without_helm(ours), without_helm(theirs))}"


def difference(ours, theirs, path=""):
    """The first place where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                return difference(ours.get(key), theirs.get(key), f"{path}.{key}")
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs)):
            if pair[0] != pair[1]:
                return difference(*pair, f"{path}[{index}]")
    return f"{path}: the chart has {ours!r}, the overlay {theirs!r}"


def migrations_come_first(chart):
    """Helm waits for the Jobs before it changes anything else, and an old Job is no obstacle."""
    for name, job in chart.of("Job").items():
        hooks = job["metadata"].get("annotations", {})
        if hooks.get("helm.sh/hook") != "pre-install,pre-upgrade" or hooks.get("helm.sh/hook-delete-policy") != "before-hook-creation":
            yield f"{name}: it is no hook before the rollout"


def container_of(rendering, name="wallet"):
    return rendering.of("Deployment")[name]["spec"]["template"]["spec"]["containers"][0]


def policy_of(rendering, name="plans"):
    return rendering.of("NetworkPolicy")[name]["spec"]


def break_secrets(rendering):
    container_of(rendering)["env"].append({"name": "PAYTERMS_LOG", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}})


BREAKS = [
    (rules.images_are_pinned, lambda r: container_of(r).update(image="payterms:latest")),
    (rules.pods_are_restricted, lambda r: r.of("Deployment")["wallet"]["spec"]["template"]["spec"]["securityContext"].pop("fsGroup")),
    (rules.containers_are_restricted, lambda r: container_of(r)["securityContext"].update(readOnlyRootFilesystem=False)),
    (rules.no_token_and_no_links, lambda r: r.of("ServiceAccount")["wallet"].pop("automountServiceAccountToken")),
    (rules.resources_are_bounded, lambda r: container_of(r)["resources"]["limits"].pop("memory")),
    (rules.parts_are_there_twice, lambda r: r.of("HorizontalPodAutoscaler")["wallet"]["spec"].update(minReplicas=1)),
    (rules.nothing_is_open_to_the_outside, lambda r: r.of("Service")["gateway"]["spec"].update(type="LoadBalancer")),
    (rules.probes_ask_the_right_thing, lambda r: container_of(r)["livenessProbe"]["grpc"].pop("service")),
    (rules.pods_have_time_to_end, lambda r: r.of("Deployment")["wallet"]["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=30)),
    (rules.secrets_are_files, break_secrets),
    (rules.settings_exist_and_required_ones_are_set, lambda r: container_of(r)["env"].append({"name": "PAYTERMS_JWKS", "value": "a"})),
    (rules.settings_exist_and_required_ones_are_set, lambda r: container_of(r).update(args=["--jwks=a"])),
    (
        rules.settings_exist_and_required_ones_are_set,
        lambda r: container_of(r).update(env=[each for each in container_of(r)["env"] if each["name"] != "PAYTERMS_DATABASE_URL_FILE"]),
    ),
    (rules.policies_are_the_topology, lambda r: policy_of(r)["ingress"].append({"from": policy_of(r, "wallet")["ingress"][0]["from"]})),
    (rules.policies_are_the_topology, lambda r: policy_of(r)["egress"].append({"ports": [{"port": 443}]})),
    (rules.policies_are_the_topology, lambda r: policy_of(r)["egress"][0].pop("ports")),
    (rules.peers_are_the_topology, lambda r: container_of(r)["env"][1].update(value="plans=http://plans:50051")),
    (rules.parts_show_certificates, lambda r: container_of(r)["env"].pop()),
    (rules.parts_show_certificates, lambda r: container_of(r, "gateway")["env"].pop()),
    (rules.parts_show_certificates, lambda r: r.of("Deployment")["wallet"]["spec"]["template"]["spec"]["volumes"][1]["secret"].update(secretName="payterms-plans-tls")),
    (rules.all_services_have_one_bus, lambda r: container_of(r)["env"].append({"name": "PAYTERMS_BUS", "value": "tls://nats.nats:4222"})),
    (rules.each_schema_has_its_job, lambda r: r.objects.pop(next(key for key in r.objects if key[0] == "Job"))),
    (rules.the_database_takes_all_processes, lambda r: r.of("HorizontalPodAutoscaler")["wallet"]["spec"].update(maxReplicas=9)),
    (rules.everything_is_in_one_namespace, lambda r: r.of("Service")["wallet"]["metadata"].update(namespace="default")),
]


def main():
    dev, production, providers = load("dev"), load("production"), load("providers")
    chart, chart_providers = load("chart"), load("chart-providers")
    wrong = []
    for rendering in (dev, production, providers, chart, chart_providers):
        for rule in RULES:
            wrong += [f"{rendering.name}: {rule.__name__}: {sentence}" for sentence in rule(rendering)]
    wrong += dev_makes_what_production_is_given(dev, production)
    for ours, theirs in ((chart, production), (chart_providers, providers)):
        wrong += [f"{ours.name}: {sentence}" for sentence in chart_is_the_overlay(ours, theirs)]
        wrong += migrations_come_first(ours)
    for rule in RULES:
        assert any(broken is rule for broken, _ in BREAKS), f"nothing shows that {rule.__name__} can fail"
    for rule, damage in BREAKS:
        damaged = copy.deepcopy(production)
        damage(damaged)
        if not list(rule(damaged)):
            wrong.append(f"{rule.__name__} does not see what was broken")
    damaged = copy.deepcopy(providers)
    policy_of(damaged)["egress"].pop()
    assert list(rules.policies_are_the_topology(damaged)), "webhooks that do not get out are seen"
    damaged = copy.deepcopy(chart)
    container_of(damaged)["image"] = "other"
    assert list(chart_is_the_overlay(damaged, production)), "a difference of the chart is seen"
    print("\n".join(wrong) or f"{len(RULES)} rules hold in {dev.name}, {production.name}, {providers.name} and the chart")
    sys.exit(bool(wrong))


main()
