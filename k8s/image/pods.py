"""Runs the pods of a rendered overlay as a kubelet would, on this machine: each container in the image's root file system,
read-only, with its user, variables and files, on a loopback address of its own. `check` starts it.

It shows that the images hold what they need, that the user of a process can read its secrets, that services wait for their
schema alive, that the Jobs make it, and that a call goes through the gateway to a service and its event to another, over lines with
TLS.

Usage: pods.py SCRATCH, with dev.yaml, the folder k8s, and an unpacked bundle for each image
"""

import base64
import fcntl
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid

import grpc
import yaml
from grpc_tools import protoc

SCRATCH = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
PROTOS = os.path.join(HERE, "../../proto")
SERVING, NOT_SERVING = 1, 2
SERVICES = ["wallet", "invoicing", "credit", "plans"]
objects = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(open(f"{SCRATCH}/dev.yaml"))}
names = ["postgres", *sorted(name for kind, name in objects if kind == "Deployment")]
hosts = {name: f"127.0.0.{number}" for number, name in enumerate(names, start=2)}


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def loopback_up():
    """A new network has its loopback interface down; SIOCSIFFLAGS with IFF_UP brings it up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))


def content(kind, name):
    """The files of a Secret or ConfigMap."""
    found = objects[(kind, name)]
    plain = {key: text.encode() for key, text in (found.get("data") or {}).items()} if kind == "ConfigMap" else {}
    coded = found.get("binaryData" if kind == "ConfigMap" else "data") or {}
    return plain | {key: base64.b64decode(text) for key, text in coded.items()}


def write_files(folder, files, mode, group):
    """As the kubelet does: root's, and readable for the pod's fsGroup where it has one."""
    for name, data in files.items():
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chown(path, 0, group or 0)
        os.chmod(path, mode | (0o440 if group else 0))


def volume(pod, spec, group):
    """Makes a volume of a pod as a folder."""
    folder = f"{SCRATCH}/volumes/{pod}/{spec['name']}"
    os.makedirs(folder)
    os.chown(folder, 0, group or 0)
    os.chmod(folder, 0o2775 if "emptyDir" in spec else 0o755)
    source = spec.get("projected") or spec.get("secret") or spec.get("configMap") or {}
    mode = source.get("defaultMode", 0o644)
    if "secret" in spec:
        write_files(folder, content("Secret", source["secretName"]), mode, group)
    elif "configMap" in spec:
        write_files(folder, content("ConfigMap", source["name"]), mode, group)
    for part in source.get("sources", []):
        ((kind, named),) = part.items()
        write_files(folder, content({"secret": "Secret", "configMap": "ConfigMap"}[kind], named["name"]), mode, group)
    return folder


def variables(entries):
    """The variables of a container, each NAME=value; an optional one whose key is missing is left out."""
    for entry in entries:
        value = entry.get("value")
        if "valueFrom" in entry:
            ((kind, reference),) = entry["valueFrom"].items()
            keys = content({"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}[kind], reference["name"])
            if reference["key"] not in keys and reference.get("optional"):
                continue
            value = keys[reference["key"]].decode()
        yield f"{entry['name']}={value}"


def start(pod, template, more=()):
    """Starts the container of a pod."""
    spec = template["spec"]
    (container,) = spec["containers"]
    user = spec["securityContext"]
    image = container["image"].split(":")[0]
    root = f"{SCRATCH}/roots/{pod}"
    os.makedirs(root)
    run("mount", "--bind", f"{SCRATCH}/{image}/rootfs", root)
    volumes = {each["name"]: volume(pod, each, user.get("fsGroup")) for each in spec.get("volumes", [])}
    mounts = sorted(container.get("volumeMounts", []), key=lambda mount: mount["mountPath"])
    for mount in mounts:
        os.makedirs(root + mount["mountPath"], exist_ok=True)
    with open(f"{root}/etc/hosts", "w") as file:
        file.writelines(f"{address} {name} {name}-headless\n" for name, address in hosts.items())
    assert container["securityContext"]["readOnlyRootFilesystem"]
    run("mount", "-o", "remount,bind,ro", root)
    for mount in mounts:
        # A mount within another one has its place there.
        os.makedirs(root + mount["mountPath"], exist_ok=True)
        run("mount", "--bind", volumes[mount["name"]], root + mount["mountPath"])
        if mount.get("readOnly"):
            run("mount", "-o", "remount,bind,ro", root + mount["mountPath"])
    environment = [*variables(container.get("env", [])), *more]
    identity = f"--userspec={user['runAsUser']}:{user['runAsGroup']}"
    command = ["env", "-i", *environment, shutil.which("setpriv"), "--no-new-privs", shutil.which("chroot"), identity, root]
    return subprocess.Popen([*command, *container["command"], *container.get("args", [])])


def start_postgres(folder):
    """Stands for the StatefulSet: a PostgreSQL of this machine with the roles that the component makes."""
    spec = objects[("StatefulSet", "postgres")]["spec"]["template"]["spec"]
    mounted = {each["name"]: each for each in spec["volumes"]}
    files = content("ConfigMap", mounted["roles"]["configMap"]["name"])
    passwords = content("Secret", mounted["passwords"]["secret"]["secretName"])
    for part, of in (("roles", files), ("passwords", passwords)):
        os.makedirs(f"{folder}/{part}")
        write_files(f"{folder}/{part}", of, 0o644, 0)
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    os.chmod(folder, 0o755)
    binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    initdb = ["--pgdata", f"{folder}/cluster", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"]
    run(*as_owner, f"{binaries}/initdb", *initdb, stdout=subprocess.DEVNULL)
    arguments = spec["containers"][0]["args"]
    settings = ["-c", f"listen_addresses={hosts['postgres']}", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    server = subprocess.Popen(
        [*as_owner, f"{binaries}/postgres", "-D", f"{folder}/cluster", *arguments, *settings], stderr=subprocess.DEVNULL
    )
    ready = [f"{binaries}/pg_isready", "--quiet", "--host", folder]
    until("PostgreSQL answers", lambda: subprocess.run(ready).returncode == 0)
    environment = {**os.environ, "PGHOST": folder, "ROLES_FOLDER": f"{folder}/roles", "PASSWORDS_FOLDER": f"{folder}/passwords"}
    run(*as_owner, "sh", f"{folder}/roles/roles.sh", env=environment)
    return server


def until(what, holds, seconds=40):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"within {seconds} seconds: {what}"
        time.sleep(0.1)
    print(f"ok: {what}", flush=True)


def health(name, service):
    """What the kubelet gets for a gRPC probe; None where nobody answers."""
    ask = grpc.insecure_channel(f"{hosts[name]}:50052").unary_unary("/grpc.health.v1.Health/Check")
    try:
        answer = ask(b"\x0a" + bytes([len(service)]) + service.encode(), timeout=2)
    except grpc.RpcError:
        return None
    return answer[1] if answer else 0


def probe(name, which):
    """Whether a probe of the manifest succeeds."""
    asked = objects[("Deployment", name)]["spec"]["template"]["spec"]["containers"][0][which]
    if "grpc" in asked:
        return health(name, asked["grpc"]["service"]) == SERVING
    with socket.socket() as attempt:
        return attempt.connect_ex((hosts[name], 50060)) == 0


def token(role, tenant=None):
    """A caller's token, signed with the development key of the overlay."""

    def coded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"iss": "development", "aud": "payterms", "sub": "check", "roles": [role], "exp": int(time.time()) + 300}
    claims |= {"tenant": tenant} if tenant else {}
    head = {"alg": "EdDSA", "typ": "JWT", "kid": "development"}
    signed = coded(json.dumps(head).encode()) + b"." + coded(json.dumps(claims).encode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(signed)
        file.flush()
        key = f"{SCRATCH}/k8s/overlays/dev/secrets/keys/development.key"
        signing = run("openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file.name, capture_output=True)
    return (signed + b"." + coded(signing.stdout)).decode()


def story():
    """A tenant and a customer at invoicing, and a wallet, which the wallet opens only once both events have come to it."""
    out = f"{SCRATCH}/python"
    os.makedirs(out)
    files = [path for part in ("common", "invoicing", "wallet") for path in glob.glob(f"{PROTOS}/payterms/{part}/v1/*.proto")]
    files += [path for part in ("api", "type") for path in glob.glob(f"{PROTOS}/google/google/{part}/*.proto")]
    well_known = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    assert protoc.main(["protoc", f"-I{PROTOS}/google", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={out}", *files]) == 0
    sys.path.insert(0, out)
    from payterms.invoicing.v1 import customer_service_pb2 as customers
    from payterms.invoicing.v1 import tenant_service_pb2 as tenants
    from payterms.wallet.v1 import wallet_service_pb2 as wallets

    channel = grpc.insecure_channel(f"{hosts['gateway']}:50051")

    def call(method, role, request, answer, tenant=None):
        ask = channel.unary_unary(method, type(request).SerializeToString, answer.FromString)
        end = time.monotonic() + 30
        while True:
            try:
                return ask(request, timeout=10, metadata=[("authorization", f"Bearer {token(role, tenant)}")])
            except grpc.RpcError as error:
                # The copies of the wallet may take a moment; the request id makes it safe to ask again.
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    ids = [str(uuid.uuid4()) for _ in range(3)]
    create = tenants.CreateTenantRequest(request_id=ids[0], tenant_id="acme")
    create.tenant.display_name, create.tenant.country, create.tenant.time_zone = "Acme Telecom", "AU", "Australia/Sydney"
    call("/payterms.invoicing.v1.TenantService/CreateTenant", "OPERATOR", create, tenants.CreateTenantResponse)
    create = customers.CreateCustomerRequest(request_id=ids[1], parent="tenants/acme")
    create.customer.legal_name, create.customer.country = "Brightside Ltd", "AU"
    made = call("/payterms.invoicing.v1.CustomerService/CreateCustomer", "OWNER", create, customers.CreateCustomerResponse, "acme")
    opened = wallets.OpenWalletRequest(request_id=ids[2], parent=made.customer.name, currency_code="USD")
    answer = call("/payterms.wallet.v1.WalletService/OpenWallet", "SERVICE", opened, wallets.OpenWalletResponse, "acme")
    assert answer.wallet.name.startswith(made.customer.name), answer
    print("ok: a wallet is opened through the gateway", flush=True)


def stop(processes):
    """SIGTERM, as the kubelet sends it, and within the grace of the pod each has ended by itself."""
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    for name, process in processes.items():
        assert process.wait(timeout=30) == 0, f"{name} ended with {process.returncode}"
    print("ok: all end after SIGTERM", flush=True)


def main():
    run("mount", "--make-rprivate", "/")
    loopback_up()
    postgres = start_postgres(f"{SCRATCH}/postgres")
    deployments = {name: each["spec"]["template"] for (kind, name), each in objects.items() if kind == "Deployment"}
    listens = {name: [f"PAYTERMS_{which}={hosts[name]}:{port}" for which, port in (("LISTEN", 50051), ("PROBES", 50052))] for name in deployments}
    listens["simulator"] = []
    running = {name: start(name, template, listens[name]) for name, template in deployments.items()}
    until("all are alive, before any schema is there", lambda: all(probe(name, "livenessProbe") for name in running))
    assert not any(probe(name, "readinessProbe") for name in SERVICES), "no service is ready without its schema"
    jobs = {name: each["spec"]["template"] for (kind, name), each in objects.items() if kind == "Job"}
    assert len(jobs) == len(SERVICES)
    for name, template in jobs.items():
        assert start(name, template).wait(timeout=60) == 0, name
    until("all are ready, after the Jobs", lambda: all(probe(name, "readinessProbe") for name in running))
    story()
    name, template = next(iter(jobs.items()))
    assert start(f"{name}-again", template).wait(timeout=60) == 0, "a Job may run again"
    dead = [name for name, process in running.items() if process.poll() is not None]
    assert not dead, f"{dead} ended"
    stop(running)
    postgres.send_signal(signal.SIGINT)
    postgres.wait(timeout=30)
    print("the pods of the overlay dev work from these images")


main()
