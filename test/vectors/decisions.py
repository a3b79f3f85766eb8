"""Makes decisions.json: a small true ledger, and false ones of which each is altered in one way, hashed anew
and signed anew, so that nothing but the authority behind an entry can tell. Written from docs/reference alone, beside
no line of the code it judges: Python 3, cryptography (Ed25519), hashlib, and
json.dumps(sort_keys, separators, ensure_ascii=False) for the canonical form.

    python3 test/vectors/decisions.py > test/vectors/decisions.json
"""
import base64
import copy
import datetime
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

START = 1795165200000  # 2026-11-20T09:00:00.000Z
MINUTE = 60_000
DAY = 86_400


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).digest()


def digest(value):
    return b64u(sha256(canonical(value)))


def instant(ms):
    at = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def uuid(number):
    stem = f"{START:012x}"
    return f"{stem[:8]}-{stem[8:]}-7000-8000-{number:012x}"


class Key:
    def __init__(self, seed):
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64u(self.raw)}
        self.kid = digest(self.jwk)


LEDGER, ALICE, BOB, CAROL, AGENT, OTHER, AGENT_2 = (Key(n) for n in (9, 1, 2, 3, 4, 5, 6))
ID = {name: uuid(n) for n, name in enumerate([
    "alice", "bob", "carol", "staging", "production", "pg", "pg-live", "cursor", "scribe",
    "read", "columns", "delete", "cooled", "script", "rail", "fetch", "wipe",
], 1)}
ENDPOINT = {"pg": "db.example.com:5432/rental", "pg-live": "db.example.com:5432/live"}

CATALOG = {
    "provider": "postgres",
    "operations": [
        {"name": "postgres:select", "summary": "Reads.", "effects": [{"effect": "read"}], "exchangeable": True},
        {"name": "postgres:update", "summary": "Overwrites.", "effects": [
            {"effect": "write"},
            {"effect": "delete", "environment_class": "production", "whole_resource": True},
        ], "exchangeable": True},
        {"name": "postgres:delete", "summary": "Deletes.", "effects": [{"effect": "delete"}], "exchangeable": True},
        {"name": "postgres:drop", "summary": "Destroys.", "effects": [{"effect": "delete"}], "exchangeable": False},
    ],
}
GATEWAY = {
    "provider": "railway",
    "operations": [
        {"name": "railway:service", "summary": "Reads.", "effects": [{"effect": "read"}], "exchangeable": False},
        {"name": "railway:volumeDelete", "summary": "Deletes.", "effects": [{"effect": "delete"}], "exchangeable": False},
    ],
}
RAISED = copy.deepcopy(CATALOG)
RAISED["operations"][0]["effects"] = [{"effect": "reveal"}]


class Ledger:
    """Entries a minute apart."""

    def __init__(self):
        self.entries = []
        self.names = []
        self.now = START
        self.made = 1000

    def new_id(self):
        self.made += 1
        return uuid(self.made)

    def append(self, name, type_, body, step=MINUTE):
        self.now += step
        entry = {"v": 1, "id": self.new_id(), "time": instant(self.now), "type": type_, "body": body}
        self.entries.append(entry)
        self.names.append(name)
        return entry

    def propose(self, name, kind, body, signers, id_=None, sign_within=DAY):
        statement = {
            "v": 1, "kind": kind, "id": id_ or self.new_id(),
            "broker": None if kind == "genesis" else self.broker,
            "issued_at": instant(self.now), "sign_by": instant(self.now + sign_within * 1000), "body": body,
        }
        payload = canonical(statement)
        if kind == "genesis":
            self.broker = b64u(sha256(payload))
        envelope = {"payload": b64u(payload), "signatures": [sign(payload, k) for k in signers], "assertions": []}
        self.append(name, "statement.proposed", {"envelope": envelope})
        return statement["id"], payload

    def sign(self, name, statement, key):
        id_, payload = statement
        self.append(name, "statement.signed", {"statement": id_, "signatures": [sign(payload, key)], "assertions": []})

    def at(self, name):
        return self.names.index(name)


def sign(payload, key):
    protected = b64u(canonical({"alg": "EdDSA", "kid": key.kid, "typ": "countersign-statement+jws"}))
    data = f"{protected}.{b64u(payload)}".encode()
    return {"protected": protected, "signature": b64u(key.private.sign(data))}


def enrolment(name, key, roles):
    return {
        "human": None, "name": name, "key": key.jwk, "key_type": "passphrase", "fingerprint": key.kid,
        "roles": roles, "groups": [], "sponsor": ID["alice"], "recovery": None, "rp": None, "subject": None,
    }


def connection(name, environment, account="broker"):
    return {
        "connection": None, "name": name, "provider": "postgres", "endpoint": ENDPOINT[name],
        "account": account, "config": {"host": "db.example.com"}, "mapping": {ID[environment]: [ENDPOINT[name]]},
        "credential": b64u(sha256(name.encode())),
    }


RAIL = {
    "connection": None, "name": "rail", "provider": "railway", "endpoint": "backboard.railway.com",
    "account": "account", "config": {"projects": ["p-1"]}, "mapping": {ID["staging"]: ["env-1"]},
    "credential": b64u(sha256(b"rail")),
}
VOLUMES = ["volume/v-1", "volume/v-2"]


def pin(body, id_, environment):
    return digest({
        "connection": id_, "provider": body["provider"], "endpoint": body["endpoint"], "account": body["account"],
        "config": body["config"], "mapping": body["mapping"][ID[environment]],
    })


def grant(operations, resources, **more):
    body = {
        "agent": ID["cursor"], "connection": ID["pg"], "environment": ID["staging"],
        "permissions": [{
            "catalog": digest(CATALOG), "resources": resources,
            "operations": [{"name": name, "effect": effect} for name, effect in operations],
        }],
        "ttl": 300, "valid_for": DAY, "max_uses": None, "pins": None, "sender": None, "sql": None,
        "assessment": None, "request": None, "reason": "a vector",
    }
    return {**body, **more}


def deleting(name="pg", environment="staging", **more):
    pins = {"agent_credentials": [AGENT.kid], "connection": pin(connection(name, environment), ID[name], environment)}
    body = {"ttl": 60, "max_uses": 1, "pins": pins, "sender": AGENT.kid,
            "connection": ID[name], "environment": ID[environment]}
    return grant([("postgres:delete", "delete")], ["public.orders"], **{**body, **more})


def gateway_grant(operation, effect, resources, **more):
    return grant([], [], connection=ID["rail"], permissions=[{
        "catalog": digest(GATEWAY), "resources": resources, "operations": [{"name": operation, "effect": effect}],
    }], **more)


SCRIPT = "drop table public.old"
SCRIPT_DIGEST = b64u(sha256(SCRIPT.encode()))


def details(operations, resources, name="pg", environment="staging"):
    return {"type": "countersign", "connection": name, "environment": environment,
            "operations": operations, "resources": resources}


class Vector(Ledger):
    """The true ledger; `before` and `options` are the one thing that is different in a false one."""

    def __init__(self, before=None, **options):
        super().__init__()
        self.options = options
        self.before = before or {}
        self.tokens = 0
        self.build()

    def hook(self, name):
        """What a variant puts in before the step of this name."""
        step = self.before.get(name)
        if step is not None:
            step(self)

    def issue(self, name, grants, wanted, jkt=None, life=120, agent="cursor", jti=None):
        self.hook(name)
        self.tokens += 1
        jti = jti or uuid(5000 + self.tokens)
        made = (self.now + MINUTE) // 1000 * 1000
        self.append(name, "decision", {
            "verdict": "allowed", "stage": "issue", "agent": ID.get(agent, agent),
            "authorization_details": wanted, "grants": grants,
            "token": {"jti": jti, "expires_at": instant(made + life * 1000), "jkt": jkt},
        })
        return jti

    def exchange(self, name, jti, rights, jkt=None, uses=(), life=60, agent="cursor", place=("pg", "staging"), lease=None):
        self.hook(name)
        lease = lease or uuid(7000 + len(self.entries))
        at = self.now + 1000
        entry = self.append(name, "decision", {
            "verdict": "allowed", "stage": "exchange", "agent": ID.get(agent, agent), "token": jti, "jkt": jkt,
            "connection": place[0], "environment": place[1], "rights": rights,
            "grants": sorted({right["grant"] for right in rights}), "uses": list(uses),
            "lease": {"id": lease, "connection": ID[place[0]], "expires_at": instant(at + life * 1000)},
        }, step=1000)
        return lease, entry["id"]

    def ended(self, name, type_, lease, agent="cursor", **more):
        self.hook(name)
        self.append(name, type_, {"lease": lease[0], "decision": lease[1], "agent": ID[agent], **more})

    def build(self):
        o = self.options
        self.propose("genesis", "genesis", {
            "name": "alice", "key": ALICE.jwk, "key_type": "passphrase", "recovery": b64u(b"\7" * 32), "rp": None,
            "ledger_key": LEDGER.jwk, "identity_provider": None,
        }, [ALICE], ID["alice"])
        self.append("catalog", "catalog.recorded", {"digest": digest(CATALOG), "catalog": CATALOG})
        self.append("catalog of the gateway", "catalog.recorded", {"digest": digest(GATEWAY), "catalog": GATEWAY})
        for name, cool_off in (("staging", 0), ("production", 600)):
            self.propose(name, "environment.set", {
                "environment": None, "name": name, "class": name, "quorum": 2, "groups": [], "user_verified": 0,
                "cool_off": cool_off, "require_dpop": o.get("require_dpop", False),
            }, [ALICE], ID[name])
        self.propose("pg", "connection.set", connection("pg", "staging"), [ALICE], ID["pg"])
        self.propose("pg-live", "connection.set", connection("pg-live", "production"), [ALICE], ID["pg-live"])
        self.propose("rail", "connection.set", RAIL, [ALICE], ID["rail"])
        for name, key in (("cursor", AGENT), ("scribe", OTHER)):
            self.hook(name)
            self.propose(name, "agent.register", {
                "name": name, "auth": {"method": "private_key_jwt", "jwks": {"keys": [key.jwk]}}, "require_dpop": False,
            }, [ALICE], ID[name])
        bob = self.propose("bob joins", "human.enroll", enrolment("bob", BOB, ["approver"]), [BOB], ID["bob"])
        self.sign("bob enrolled", bob, ALICE)
        carol = self.propose("carol joins", "human.enroll", enrolment("carol", CAROL, ["approver"]), [CAROL], ID["carol"])
        self.sign("carol vouched for", carol, ALICE)
        self.sign("carol enrolled", carol, BOB)
        self.append("denied", "decision", {
            "verdict": "denied", "stage": "issue", "agent": ID["cursor"], "code": o.get("code", "not_granted"),
            "asked": None, "reason": "Nothing is granted there.",
        })
        self.propose("read granted", "grant.create", grant(
            [("postgres:select", "read")], ["public.orders"], valid_for=o.get("valid_for", DAY)), [ALICE], ID["read"])
        self.propose("columns granted", "grant.create", grant(
            [("postgres:update", "write")], ["public.orders(state,total)"]), [ALICE], ID["columns"])
        delete = self.propose("delete proposed", "grant.create", deleting(), [ALICE], ID["delete"])
        self.hook("delete granted")
        if not o.get("one_signature"):
            self.sign("delete granted", delete, BOB)
        cooled = self.propose("cooled proposed", "grant.create", deleting("pg-live", "production"), [ALICE], ID["cooled"])
        self.sign("cooled granted", cooled, CAROL)
        self.append("session", "session.opened", {
            "human": ID["alice"], "kid": ALICE.kid,
            "session": {"jti": uuid(4001), "jkt": OTHER.kid, "expires_at": instant(self.now + 3_600_000)},
        })

        read = self.issue("reads", [ID["read"]], o.get("read_details", [details(["postgres:select"], ["public.orders"])]),
                          agent=o.get("reader", "cursor"), life=o.get("read_life", 300))
        right = {"grant": ID["read"], "effect": "read", "operations": ["postgres:select"],
                 "resources": ["public.orders(id)"]}
        first = self.exchange("reading", o.get("read_token", read), o.get("read_rights", [right]),
                              agent=o.get("lessee", "cursor"), life=o.get("read_lease", 60))
        self.ended("read", "lease.revoked", first, reason="it ended", **o.get("read_end", {}))

        update = self.issue("updates", [ID["columns"]], [details(["postgres:update"], ["public.orders(state)"])])
        right = {"grant": ID["columns"], "effect": "write", "operations": ["postgres:update"],
                 "resources": o.get("columns", ["public.orders(state)"])}
        second = self.exchange("updating", update, [right])
        self.ended("updated", "lease.revoked", o.get("updated", second), reason="given back")

        jkt = o.get("jkt", AGENT.kid)
        token = self.issue("deletes", [ID["delete"]], [details(["postgres:delete"], ["public.orders"])], jkt=jkt,
                           life=o.get("delete_life", 120))
        right = {"grant": ID["delete"], "effect": o.get("effect", "delete"), "operations": ["postgres:delete"],
                 "resources": ["public.orders"]}
        uses = o.get("uses", [ID["delete"]])
        lease = self.exchange("refused there", token, [right], jkt=jkt, uses=uses, life=o.get("delete_lease", 60))
        self.ended("not issued", "lease.failed", lease, uses_returned=o.get("returned", uses))
        lease = self.exchange("deleting", token, [right], jkt=jkt, uses=uses)
        self.ended("deleted", "lease.revoked", lease, reason="it ended")
        self.hook("again")

        self.now += o.get("waited", 600_000)
        live = ("pg-live", "production")
        token = self.issue("deletes live", [ID["cooled"]], [details(["postgres:delete"], ["public.orders"], *live)],
                           jkt=AGENT.kid)
        right = {**right, "grant": ID["cooled"], "effect": "delete"}
        lease = self.exchange("deleting live", token, [right], jkt=AGENT.kid, uses=[ID["cooled"]], place=live)
        self.ended("deleted live", "lease.revoked", lease, reason="it ended")
        self.script()
        self.forwards()
        self.hook("end")

    def forward(self, name, jti, rights, jkt=None, uses=(), agent="cursor", ids=("env-1",)):
        self.hook(name)
        entry = self.append(name, "decision", {
            "verdict": "allowed", "stage": "forward", "agent": ID.get(agent, agent), "token": jti, "jkt": jkt,
            "connection": "rail", "environment": "staging", "rights": rights,
            "grants": sorted({right["grant"] for right in rights}), "uses": list(uses), "provider_ids": list(ids),
        })
        return entry["id"]

    def forwards(self):
        """Requests sent on: one that reads, one that the provider refused, and the same once more."""
        o = self.options
        self.propose("fetch granted", "grant.create",
                     gateway_grant("railway:service", "read", ["environment/env-1"]), [ALICE], ID["fetch"])
        pins = {"agent_credentials": [AGENT.kid], "connection": pin(RAIL, ID["rail"], "staging")}
        wipe = self.propose("wipe proposed", "grant.create", gateway_grant(
            "railway:volumeDelete", "delete", VOLUMES, ttl=60, max_uses=1, pins=pins, sender=AGENT.kid), [ALICE], ID["wipe"])
        self.sign("wipe granted", wipe, BOB)
        fetch = self.issue("fetches", [ID["fetch"]], [details(["railway:service"], ["environment/env-1"], "rail")])
        self.forward("fetching", o.get("fetch_token", fetch), o.get("fetched", [FETCH]), ids=o.get("fetch_ids", ["env-1"]),
                     agent=o.get("fetcher", "cursor"))
        token = self.issue("wipes", [ID["wipe"]], [details(["railway:volumeDelete"], VOLUMES, "rail")], jkt=AGENT.kid)
        right = {"grant": ID["wipe"], "effect": o.get("wipe_effect", "delete"), "operations": ["railway:volumeDelete"],
                 "resources": o.get("wiped", VOLUMES[:1])}
        uses = o.get("wipe_uses", [ID["wipe"]])
        sent = self.forward("refused by the provider", token, [right], jkt=o.get("wipe_jkt", AGENT.kid), uses=uses)
        body = {"agent": ID["cursor"], "decision": sent, "uses_returned": o.get("wipe_returned", uses)}
        if not o.get("kept"):
            self.append("use back", "forward.refused", body)
        if o.get("back_twice"):
            self.append("use back again", "forward.refused", body)
        self.forward("wiping", token, [right], jkt=AGENT.kid, uses=uses)

    def script(self):
        """SQL tried, signed for, run by a human who signed it, and committed."""
        o = self.options
        asked = {"human": ID["alice"], "connection": ID["pg"], "environment": ID["staging"],
                 "resource": "public", "sql": SCRIPT_DIGEST}
        self.hook("tried")
        tried = self.append("tried", "decision", {
            "verdict": "allowed", "stage": "dry-run", "agent": ID["cursor"], **asked,
            "human": o.get("trier", ID["alice"])})
        # The assessment names the entry that vouches for it, so the id of that one is known first.
        vouching = uuid(self.made + 1)
        assessment = {"kind": "dry-run", "v": 1, "body": {"dropped": ["public.old"], "dry_run": vouching}}
        self.append("found", "dry_run.finished", {"dry_run": tried["id"], **asked, "assessment": digest(assessment)})
        body = deleting(permissions=[{
            "catalog": digest(CATALOG), "resources": ["public"],
            "operations": [{"name": "postgres:drop", "effect": "delete"}],
        }], sql=SCRIPT, assessment={**assessment, **o.get("assessment", {})}, request=o.get("request"))
        self.script_body = body
        script = self.propose("script proposed", "grant.create", body, [ALICE], ID["script"])
        self.sign("script granted", script, BOB)
        self.hook("run")
        lease = uuid(7999)
        self.append("run", "decision", {
            "verdict": "allowed", "stage": "run", "agent": ID["cursor"], "human": o.get("runner", ID["bob"]),
            "jkt": AGENT.kid, "connection": "pg", "environment": "staging", "resource": "public",
            "rights": [{"grant": ID["script"], "effect": "delete", "operations": ["postgres:drop"],
                        "resources": ["public"]}],
            "grants": [ID["script"]], "uses": [ID["script"]], "sql": o.get("ran", SCRIPT_DIGEST),
            "lease": {"id": lease, "connection": ID["pg"], "expires_at": instant(self.now + MINUTE)},
        })
        of_run = {"run": lease, "decision": self.entries[-1]["id"], "agent": ID["cursor"]}
        self.hook("committing")
        if not o.get("silent"):
            self.append("committing", "run.committing", {**of_run, "mark": "4711", "changes": {}})
            self.entries[-1]["id"] = lease
        self.append("run over", "lease.revoked", {
            "lease": lease, "decision": of_run["decision"], "agent": ID["cursor"], "reason": "its script has run"})
        self.append("run finished", "run.finished", {
            **of_run, "grants": [ID["script"]], "outcome": "committed", "reason": "its script has run",
            **o.get("outcome", {})})


def hash_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + hash_root(leaves[:split]) + hash_root(leaves[split:]))


ORIGIN = "broker.example.com/countersign"
KEY_ID = sha256(ORIGIN.encode() + b"\n\1" + LEDGER.raw)[:4]
VKEY = f"{ORIGIN}+{KEY_ID.hex()}+{base64.b64encode(bytes([1]) + LEDGER.raw).decode()}"


def leaf(entry):
    return sha256(b"\0" + canonical(entry))


def checkpoint(entries):
    root = base64.b64encode(hash_root([leaf(entry) for entry in entries])).decode()
    text = f"{ORIGIN}\n{len(entries)}\n{root}\n"
    return f"{text}\n— {ORIGIN} {base64.b64encode(KEY_ID + LEDGER.private.sign(text.encode())).decode()}\n"


def statement(kind, body, *signers):
    """A step that proposes it, and has it signed by the rest."""
    def step(ledger):
        made = ledger.propose(f"{kind}", kind, body, signers[:1])
        for key in signers[1:]:
            ledger.sign(f"{kind} signed", made, key)
    return step


def freeze(kind, id_=None):
    return statement("freeze", {"target": {"kind": kind, "id": id_}, "reason": "a vector"}, BOB)


def credential(jwk):
    return {"agent": ID["cursor"], "auth": {"method": "private_key_jwt", "jwks": {"keys": [jwk]}},
            "require_dpop": False, "reason": "a vector"}


def again(ledger):
    """One use more than there are."""
    token = ledger.issue("once more", [ID["delete"]], [details(["postgres:delete"], ["public.orders"])], jkt=AGENT.kid)
    right = {"grant": ID["delete"], "effect": "delete", "operations": ["postgres:delete"], "resources": ["public.orders"]}
    ledger.exchange("deleting again", token, [right], jkt=AGENT.kid, uses=[ID["delete"]])


def returned_twice(ledger):
    entry = ledger.entries[ledger.at("not issued")]
    ledger.append("returned twice", "lease.failed", entry["body"])


MOVED = {**connection("pg", "staging", account="other"), "connection": ID["pg"], "credential": b64u(sha256(b"other"))}
MOVED_ENV = [details(["postgres:select"], ["public.orders"], "pg", "production")]
REVOKE = {"grant": ID["read"], "reason": "a vector"}
FETCH = {"grant": ID["fetch"], "effect": "read", "operations": ["railway:service"], "resources": ["environment/env-1"]}
SELECT = {"grant": ID["read"], "effect": "read", "operations": ["postgres:select"], "resources": ["public.orders"]}


def asks(name="asked", agent="cursor", sender=AGENT_2.kid):
    """A step: an agent asks for a grant, with a key that may be one it has not registered yet."""
    def step(ledger):
        ledger.append(name, "access_request.filed", {
            "request": ASKED, "agent": ID[agent], "sender": sender, "draft": None, "reason": "a vector"})
    return step


def answers(*signers, name="answered", **more):
    """A step: a grant that answers that request, with a key or none."""
    def step(ledger):
        body = {"request": ASKED, **more}
        body = deleting(**body) if len(signers) > 1 else grant([("postgres:select", "read")], ["public.orders"], **body)
        made = ledger.propose(name, "grant.create", body, signers[:1])
        if len(signers) > 1:
            ledger.after = lambda: ledger.sign(f"{name} and signed", made, signers[1])
    return step


def unfounded(**more):
    """A step: SQL to be granted, by a dry run whose entry is another's or nowhere."""
    def step(ledger):
        body = {**ledger.script_body, **more}
        ledger.propose("unfounded", "grant.create", body, [ALICE])
    return step


def surveyed(ledger):
    """A step: a deletion to be granted, by a look at it whose entry is nowhere."""
    body = deleting(assessment={"kind": "deletion", "v": 1, "body": {"deletions": [], "omitted": 0, "assessed": uuid(8102)}})
    ledger.propose("surveyed", "grant.create", body, [ALICE])


def signed_after(ledger):
    ledger.after()


def head_of(entries):
    return {"size": len(entries), "root": b64u(hash_root([leaf(entry) for entry in entries]))}


def restored(replayed=0, lost=3, claimed=None, accepted=None):
    """A step: the database was one that its mirror is ahead of, and these last entries were replayed onto it."""
    def step(ledger):
        database = head_of(ledger.entries[:len(ledger.entries) - replayed])
        mirror = {"size": database["size"] + lost, "root": b64u(b"\11" * 32)}
        by = None
        if accepted is not None:
            made = ledger.propose("accepted", "restore.accept", {
                "mirror": mirror, "restored": database, "reason": "a vector"}, [ALICE])
            ledger.sign("accepted by two", made, accepted)
            by = made[0]
        ledger.append("restored", "restored", {
            "line": {"number": 1, "id": uuid(9100)}, "mirror": mirror, "database": database,
            "lost": {"first": database["size"], "last": database["size"] + lost - 1},
            "replayed": replayed if claimed is None else claimed, "accepted": by})
    return step


def invited(ledger):
    """A step: anything that no replay would write."""
    ledger.append("invited", "human.invited", {"human": ID["alice"]})


def steps(*made):
    def step(ledger):
        for each in made:
            each(ledger)
    return step


def left_open(ledger):
    """Leases that nothing ended: two whose time is over at the latest entry, and one whose time ends with it."""
    token = ledger.issue("reads late", [ID["read"]], [details(["postgres:select"], ["public.orders"])], life=300)
    ledger.exchange("reading late", token, [SELECT], life=30)
    ledger.exchange("reading on", token, [SELECT], life=60)
    ledger.exchange("reading later", token, [SELECT], life=60)
    invited(ledger)


ASKED = uuid(8100)
NOWHERE = {"kind": "dry-run", "v": 1, "body": {"dropped": ["public.old"], "dry_run": uuid(8101)}}
DROPS_MORE = [{"catalog": digest(CATALOG), "resources": ["private", "public"],
               "operations": [{"name": "postgres:drop", "effect": "delete"}]}]
DROPS_APART = [{**DROPS_MORE[0], "resources": [resource]} for resource in ("private", "public")]


def variants():
    """Name, how it is made, the entry at which it is found, and a word of what is found."""
    def v(name, at, says, before=None, then=None, **options):
        ledger = Vector(before, **options)
        index = ledger.at(at)
        if then is not None:
            index = then(ledger)
        return {"name": name, "entries": ledger.entries, "first_bad": index, "says": says}

    def repeated(ledger):
        at = ledger.at("read granted")
        copied = {**ledger.entries[at], "id": uuid(9001), "time": ledger.entries[at + 3]["time"]}
        ledger.entries.insert(at + 4, copied)
        return at + 4

    def without(name, found):
        def then(ledger):
            at = ledger.at(found)
            del ledger.entries[ledger.at(name)]
            return at - 1
        return then

    def backwards(ledger):
        at = ledger.at("reading")
        ledger.entries[at]["time"] = ledger.entries[at - 2]["time"]
        return at

    def of_type(ledger):
        at = ledger.at("session")
        ledger.entries[at]["type"] = "session.extended"
        return at

    def unknown_stage(ledger):
        at = ledger.at("reads")
        ledger.entries[at]["body"]["stage"] = "mint"
        return at

    def first_token(ledger):
        at = ledger.at("updates")
        ledger.entries[at]["body"]["token"]["jti"] = ledger.entries[ledger.at("reads")]["body"]["token"]["jti"]
        return at

    def leased_twice(ledger):
        at = ledger.at("updating")
        ledger.entries[at]["body"]["lease"]["id"] = ledger.entries[ledger.at("reading")]["body"]["lease"]["id"]
        del ledger.entries[ledger.at("read")]
        return at - 1

    yield v("a grant used more often than it says", "deleting again", "used 2 times", {"again": again})
    yield v("a use given back twice", "returned twice", "or it had ended", {"deleting": returned_twice})
    yield v("a use given back to another grant", "not issued", "other uses", returned=[ID["read"]])
    yield v("a use that was not counted", "refused there", "uses are not", uses=[])
    yield v("one signature only", "deletes", "signed by enough", one_signature=True)
    yield v("a signer removed before", "deletes", "1 of 2 approvers",
            {"deletes": statement("human.remove", {"human": ID["bob"], "reason": "left"}, ALICE, CAROL)})
    yield v("a signer's key revoked before", "deletes", "1 of 2 approvers",
            {"deletes": statement("key.revoke", {"key": BOB.kid, "reason": "lost"}, ALICE, CAROL)})
    yield v("a signer frozen before", "deletes", "1 of 2 approvers",
            {"deletes": statement("freeze", {"target": {"kind": "human", "id": ID["bob"]}, "reason": "who"}, CAROL)})
    yield v("a grant revoked before the token", "reads", "was revoked", {"reads": statement("grant.revoke", REVOKE, BOB)})
    yield v("a grant revoked between token and lease", "reading", "was revoked",
            {"reading": statement("grant.revoke", REVOKE, BOB)})
    yield v("everything frozen", "reads", "everything was frozen", {"reads": freeze("everything")})
    yield v("its environment frozen", "reading", "environment staging was frozen",
            {"reading": freeze("environment", ID["staging"])})
    yield v("its connection frozen", "reads", "connection pg was frozen", {"reads": freeze("connection", ID["pg"])})
    yield v("its agent frozen", "reads", "agent cursor was frozen", {"reads": freeze("agent", ID["cursor"])})
    yield v("after the end of the grant", "reads", "validity", valid_for=120)
    yield v("before the end of the cool-off", "deletes live", "cool-off", waited=0)
    yield v("the agent's key changed since", "deletes", "credentials",
            {"deletes": statement("agent.credential.set", credential(AGENT_2.jwk), ALICE)})
    yield v("the connection changed since", "deletes", "connection is not as",
            {"deletes": statement("connection.set", MOVED, ALICE)})
    yield v("the connection removed before", "reads", "connection was removed",
            {"reads": statement("connection.remove", {"connection": ID["pg"], "reason": "gone"}, ALICE)})
    yield v("an environment that the connection does not map", "reads", "mapped nothing", read_details=MOVED_ENV)
    yield v("an environment that is not the grant's", "reads", "no grant it names",
            read_details=[details(["postgres:select"], ["public.orders"], "pg-live", "production")])
    yield v("an operation that is not in the grant", "reads", "postgres:update",
            read_details=[details(["postgres:select", "postgres:update"], ["public.orders"])])
    yield v("a resource that is not in the grant", "reads", "public.people",
            read_details=[details(["postgres:select"], ["public.people"])])
    yield v("a column that is not in the token", "updating", "did not hold", columns=["public.orders(total)"])
    yield v("more than its token", "reading", "did not hold", read_rights=[{**SELECT, "resources": ["public.people"]}])
    yield v("an effect raised since", "reads", "pins nothing",
            {"reads": lambda ledger: ledger.append(
                "raised", "catalog.recorded", {"digest": digest(RAISED), "catalog": RAISED})})
    yield v("an effect made milder than it is", "refused there", "for write", effect="write")
    yield v("a lease longer than the grant allows", "reading", "longer than its grants", read_lease=301)
    yield v("a token that lives too long", "reads", "900 seconds", read_life=901)
    yield v("a token that can delete and lives too long", "deletes", "120 seconds", delete_life=121)
    yield v("a token that can delete and is bound to no key", "deletes", "not bound to the key", jkt=None)
    yield v("a token that can delete and is bound to another key", "deletes", "not bound to the key", jkt=OTHER.kid)
    yield v("a token bound to no key where one is demanded", "reads", "no key", require_dpop=True)
    yield v("an agent disabled before", "reads", "disabled",
            {"reads": statement("agent.disable", {"agent": ID["cursor"], "reason": "gone"}, ALICE)})
    yield v("an agent that nobody registered", "reads", "nobody had registered", reader=uuid(8001))
    yield v("another agent's grant", "reads", "another agent's", reader="scribe")
    yield v("another agent's token", "reading", "another agent", lessee="scribe")
    yield v("a token that nobody was issued", "reading", "no token", read_token=uuid(8002))
    yield v("a token issued twice", "updates", "was issued before", then=first_token)
    yield v("a lease opened twice", "updating", "was open already", then=leased_twice)
    yield v("the end of another decision's lease", "updated", "another decision's", then=anothers)
    yield v("a code that is not in the list", "denied", "code", code="because")
    yield v("a type that nobody knows", "session", "session.extended", then=of_type)
    yield v("a stage that nobody knows", "reads", "verdict and stage", then=unknown_stage)
    yield v("a grant whose resources are in no order", "grant.create",
            "it carries no authority; The statement does not have its kind's shape: "
            "body.permissions.0.resources: values are distinct and in ascending order.",
            {"reads": statement("grant.create", grant([("postgres:select", "read")], ["public.b", "public.a"]), ALICE)})
    yield v("a statement entry twice", "read granted", "exists already", then=repeated)
    yield v("the entry of the token missing", "reading", "no token", then=without("reads", "reading"))
    yield v("the entry that registers the agent missing", "read granted", "no such agent", then=without("cursor", "read granted"))
    yield v("time that runs backwards", "reading", "time is before", then=backwards)
    yield v("another script than was signed", "run", "another script", ran=b64u(sha256(b"drop table public.new")))
    yield v("a script run by a human who did not sign it", "run", "had not signed it", runner=ID["carol"])
    yield v("a script committed after its grant was revoked", "committing", "was revoked",
            {"committing": statement("grant.revoke", {"grant": ID["script"], "reason": "a vector"}, CAROL)})
    yield v("a script committed without saying so before", "run finished", "without saying so", silent=True)
    yield v("a use given back of a script that was committed", "run finished", "may have happened",
            outcome={"uses_returned": [ID["script"]]})
    yield v("a script that nobody tried", "script proposed", "dry run of this SQL", assessment={"v": 2})
    yield v("a script tried by one who is no admin", "tried", "bob was not admin", trier=ID["bob"])
    yield v("a grant that answers nobody's request", "script proposed", "no access request", request=uuid(8003))
    yield v("a token exchanged after all tokens ended in a leak", "reading", "no token",
            {"reading": lambda ledger: ledger.append(
                "leak", "keys.rotated", {"key": "token", "from": "a", "to": "b", "at_once": True})})
    yield v("a request forwarded to another environment than it says", "fetching", "env-2 was not mapped",
            fetch_ids=["env-1", "env-2"])
    yield v("a request forwarded with another agent's token", "fetching", "another agent", fetcher="scribe")
    yield v("a request forwarded with no token of this broker", "fetching", "no token", fetch_token=uuid(8004))
    yield v("a request forwarded that its token did not hold", "fetching", "did not hold",
            fetched=[{**FETCH, "resources": ["environment/env-2"]}])
    yield v("a request forwarded after its grant was revoked", "fetching", "was revoked",
            {"fetching": statement("grant.revoke", {"grant": ID["fetch"], "reason": "a vector"}, BOB)})
    yield v("a request forwarded while its agent was frozen", "fetching", "agent cursor was frozen",
            {"fetching": freeze("agent", ID["cursor"])})
    yield v("a request forwarded after its connection changed", "refused by the provider", "connection is not as",
            {"refused by the provider": statement("connection.set", {
                **RAIL, "connection": ID["rail"], "account": "other", "credential": b64u(sha256(b"other"))}, ALICE)})
    yield v("a delete forwarded for a sender that shows another key", "refused by the provider", "key", wipe_jkt=OTHER.kid)
    yield v("two deletes forwarded for one use", "refused by the provider", "2 calls", wiped=VOLUMES)
    yield v("a delete forwarded whose use was not counted", "refused by the provider", "uses are not", wipe_uses=[])
    yield v("a delete forwarded as something milder", "refused by the provider", "for write", wipe_effect="write")
    yield v("a delete forwarded once more than granted", "wiping", "used 2 times", kept=True)
    yield v("a use of a request given back twice", "use back again", "could come back", back_twice=True)
    yield v("a use of a request given back to another grant", "use back", "other uses", wipe_returned=[ID["delete"]])
    missing = "no access request of its agent"
    yield v("a grant that names a key its agent neither has nor asked with", "answered", "neither has nor asked with",
            {"end": steps(asks(), answers(ALICE, BOB, sender=LEDGER.kid))})
    yield v("a grant that names another agent's key", "answered", "neither has nor asked with",
            {"end": steps(asks(), answers(ALICE, BOB, sender=OTHER.kid))})
    yield v("a grant that answers another agent's request", "answered", missing,
            {"end": steps(asks(agent="scribe"), answers(ALICE))})
    yield v("another agent's request answered, though the database was restored", "answered", missing,
            {"end": steps(asks(agent="scribe"), answers(ALICE), restored(replayed=1))})
    yield v("a grant that answers nothing, at the end", "answered", missing, {"end": answers(ALICE)})
    yield v("a grant that answers nothing, though the database was restored behind it", "answered", missing,
            {"end": steps(answers(ALICE), restored())})
    yield v("a grant that answers nothing, though two humans accepted the database", "answered", missing,
            {"end": steps(answers(ALICE), restored(replayed=1, accepted=BOB))})
    yield v("a grant that answers nothing, before anything that is not replayed", "answered", missing,
            {"end": steps(answers(ALICE), invited, restored(replayed=2))})
    yield v("a script that nobody tried, though the database was restored behind it", "unfounded", "dry run of this SQL",
            {"end": steps(unfounded(reason="again", assessment=NOWHERE), restored())})
    yield v("a script tried on another resource, though the database was restored", "unfounded", "dry run of this SQL",
            {"end": steps(unfounded(permissions=DROPS_MORE), restored(replayed=1))})
    yield v("another script than was tried, though the database was restored", "unfounded", "dry run of this SQL",
            {"end": steps(unfounded(sql="drop table public.new"), restored(replayed=1))})
    yield v("a script with no assessment, though the database was restored", "unfounded", "says what it will do",
            {"end": steps(unfounded(assessment=None), restored(replayed=1))})
    yield v("a script whose assessment names no entry, though the database was restored", "unfounded", "dry run of this SQL",
            {"end": steps(unfounded(assessment={**NOWHERE, "body": {"dropped": []}}), restored(replayed=1))})
    yield v("a script of which one permission is on another resource, though the database was restored", "unfounded",
            "dry run of this SQL", {"end": steps(unfounded(permissions=DROPS_APART), restored(replayed=1))})
    yield v("a deletion that nobody looked at", "surveyed", "not what the broker found", {"end": surveyed})
    yield v("a statement that changes nothing, behind a grant that answers nothing", "grant.revoke", "carries no authority",
            {"end": steps(answers(ALICE), statement("grant.revoke", {"grant": uuid(8103), "reason": "a vector"}, ALICE))})
    yield v("a restored database that is not right before what it says was replayed", "restored", "not right behind",
            {"end": steps(invited, restored(claimed=1))})
    yield v("a token of the time before the database was restored", "reading", "no token", {"reading": restored()})
    yield v("a session by a key of nobody", "session", "may sign", then=strange_session)


PROVEN = {"what": "environment, proven by railway", "decisions": 5}


def oddities():
    """Ledgers that are as they must be, and of which there is something to say all the same."""
    def odd(name, remarks, unjudged, before=None, leases=6, open_=0, overdue=0, **options):
        ledger = Vector(before, **options)
        return {"name": name, "entries": ledger.entries, "unjudged": [*unjudged, PROVEN],
                "leases": {"made": leases, "open": open_, "overdue": overdue},
                "remarks": [{"index": ledger.at(at), "says": says} for at, says in remarks]}

    def ended_again(ledger):
        ledger.append("read again", "lease.revoked", ledger.entries[ledger.at("read")]["body"])

    rule = {"guardrail": None, "name": "nights", "policy": "forbid (principal, action, resource);", "reason": "a vector"}
    yield odd("a lease whose row was edited", [("read", "edited by hand")], [],
              read_end={"edited": True, "agent": "scribe"})
    yield odd("a lease that ended twice", [("read again", "had ended before")], [], {"updates": ended_again})
    yield odd("a guardrail, which is not evaluated here", [], [{"what": "guardrail nights", "decisions": 14}],
              {"reading": statement("guardrail.add", rule, ALICE)})
    yield odd("leases that nothing ended", [], [], {"end": left_open}, leases=9, open_=3, overdue=2)
    answer = "a grant that answers a request, with "
    yield odd(f"{answer}no key", [], [], {"end": steps(asks(), answers(ALICE))})
    yield odd(f"{answer}the key it asked with", [], [], {"end": steps(asks(), answers(ALICE, BOB, sender=AGENT_2.kid))})
    yield odd(f"{answer}its agent's own key", [], [], {"end": steps(asks(), answers(ALICE, BOB))})
    lost = "a restored database, and what answers "
    yield odd(f"{lost}what is lost", [], [], {"end": steps(answers(ALICE), restored(replayed=1), invited)})
    yield odd(f"{lost}what is lost, signed after", [], [],
              {"end": steps(answers(ALICE, BOB), restored(replayed=1), signed_after, invited)})
    yield odd(f"{lost}what was tried in the lost time", [], [],
              {"end": steps(unfounded(assessment=NOWHERE), restored(replayed=1), invited)})
    yield odd(f"{lost}what was looked at in the lost time", [], [], {"end": steps(surveyed, restored(replayed=1), invited)})
    yield odd("a restored database that two humans accepted", [], [], {"end": steps(restored(accepted=BOB), invited)})


def anothers(ledger):
    at = ledger.at("updated")
    ledger.entries[at]["body"]["decision"] = ledger.entries[ledger.at("reading")]["id"]
    return at


def strange_session(ledger):
    at = ledger.at("session")
    ledger.entries[at]["body"]["kid"] = BOB.kid
    return at


def main():
    good = Vector()
    shared = {}

    def named(entry):
        """Ledgers share most entries, so each is written once, under its leaf hash."""
        name = b64u(leaf(entry))
        shared[name] = entry
        return name

    def ledger_of(entries):
        return {"checkpoint": checkpoint(entries), "ledger": [named(entry) for entry in entries]}

    document = {
        "source": "test/vectors/decisions.py: Python 3, cryptography (Ed25519), hashlib, and json.dumps(sort_keys, separators, ensure_ascii=False) for the canonical form; beside no line of the code it judges",
        "vkey": VKEY,
        "broker": good.broker,
        "good": {
            **ledger_of(good.entries),
            "allowed": sum(e["body"].get("verdict") == "allowed" for e in good.entries),
            "vouched_by_one": ["bob"],
            "unjudged": [PROVEN],
            "delete_capable": [
                {"index": good.at(name), "grant": ID[g], "signed_by": signers}
                for name, g, signers in (
                    ("deletes", "delete", ["alice", "bob"]), ("refused there", "delete", ["alice", "bob"]),
                    ("deleting", "delete", ["alice", "bob"]), ("deletes live", "cooled", ["alice", "carol"]),
                    ("deleting live", "cooled", ["alice", "carol"]), ("run", "script", ["alice", "bob"]),
                    ("wipes", "wipe", ["alice", "bob"]), ("refused by the provider", "wipe", ["alice", "bob"]),
                    ("wiping", "wipe", ["alice", "bob"]),
                )
            ],
        },
        "bad": [
            {"name": each["name"], "first_bad": each["first_bad"], "says": each["says"], **ledger_of(each["entries"])}
            for each in variants()
        ],
        "odd": [
            {"name": each["name"], "remarks": each["remarks"], "unjudged": each["unjudged"], "leases": each["leases"],
             **ledger_of(each["entries"])}
            for each in oddities()
        ],
        "entries": shared,
    }
    print(json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False))


if __name__ == "__main__":
    main()
