"""Malformed arguments, parameters and files of configuration: one line each."""

import pytest

BIG = "9" * 400
LONG = "x" * 5000

OPTIONS = {
    "data --seed -1": "--seed & greater than or equal to 0",
    "data --seed 1e3": "--seed & valid integer",
    "data --seed 100000000000000000000": "--seed & less than or equal to 4294967295",
    "data --seed x": "--seed & valid integer",
    "data --set": "--set & requires an argument",
    "data --nope": "No such option: --nope",
    "data --prepare": "'digits' has no image files to prepare; folder, table and huggingface have",
    "data extra": "extra would be the file of a page: write --page extra",
    "data --page --prepare": "--prepare only decodes images; leave it out for --page",
    "data --page /": "cannot write /: it is a directory",
    "data --page /nowhere/page.html": "cannot write /nowhere/page.html: No such file",
    f"data --page {LONG}": "cannot write xxx & File name too long",
    "nope": "No such command 'nope'",
    "run": "Missing argument 'strategy'",
    "data -c /": "/ is a directory; give the YAML file in it",
    "data -c digts": "unknown experiment or file 'digts' & did you mean 'digits'?",
    "data -c ~no_such_user/x.yaml": "no such user's home & in full",
    f"data -c {LONG}": "unknown experiment or file 'xxx & known: class_weight",
    "data -c nowhere/x.yaml": "no file nowhere/x.yaml & shipped experiments",
    "compare --seeds 0": "--seeds & greater than or equal to 1",
    "compare --seeds 100000000000000000000": "--seeds & less than or equal to 10000",
    "compare --seeds many": "--seeds & valid integer",
    "compare --jobs 0": "--jobs & greater than or equal to 1",
    "compare --jobs 1000000000": "--jobs & less than or equal to 1024",
    "compare --tune 0": "--tune & greater than or equal to 1",
    "compare nope": "unknown strategy 'nope' & did you mean 'none'?",
    "compare none none": "strategy 'none' is named twice",
    "compare --against nope": "unknown strategy 'nope'",
    "compare -c nope": "unknown experiment or file 'nope'",
    "compare -c digits -c digits": "two experiments are named 'digits'",
    "tune focal_loss --trials 0": "--trials & greater than or equal to 1",
    "tune focal_loss --inner-seeds 0": "--inner-seeds & greater than or equal to 1",
    "tune focal_loss --inner-seeds 1000000": "--inner-seeds & less than or equal to 1000",
    "tune none": "has nothing to search; --also can add settings",
    "tune focal_loss --also train.nope=1..2": "unknown setting 'train.nope'",
    "tune focal_loss --also train.learning_rate": "write name=low..high",
    "tune focal_loss --also train.learning_rate=2..1": "is inverted or empty",
    "tune focal_loss --also train.learning_rate=a..b": "'a' is no number; write low..high",
    "tune focal_loss --also data.path=1..2": "only settings of train can be tuned",
    "tune focal_loss --study a/b": "--study 'a/b': write at most 200 letters",
    f"tune focal_loss --study {LONG}": "--study 'xxx & write at most 200 letters",
    "tune focal_loss --storage nowhere": "--storage 'nowhere': no storage URL; write sqlite:///path",
    "tune focal_loss --storage nope://x": "--storage nope://x: cannot be opened",
    "ui --port 0": "--port & greater than or equal to 1",
    "ui --port 99999": "--port & less than or equal to 65535",
    "ui --port x": "--port & valid integer",
    "strategies nope": "unknown strategy 'nope'",
    "strategies --plugin /nope.py": "--plugin /nope.py: no such file",
    "strategies --plugin /": "--plugin /: is a directory; give the Python file in it",
    "strategies --plugin ~no_such_user/x.py": "no such file",
    "check-strategy nope": "unknown strategy 'nope'",
    "check-strategy focal_loss -p gama=1": "'gama'; did you mean 'gamma'?",
    "new-strategy 1x": "'1x' can't name a strategy: write letters",
    "new-strategy ../x": "'../x' can't name a strategy",
    "new-strategy class": "'class' is a word of Python's own",
    f"new-strategy {LONG}": "can't be written: File name too long",
    "run none --network-from /nope": "--network-from /nope: no such file or folder",
    "run none --network-from ~no_such_user": "no such user's home",
    "run none --set model.name=nope": "unknown model.name 'nope' & lenet5, mlp",
    "run none --set model.name=os:nope": "model.name 'os:nope': unknown function 'nope'",
    "run none --set model.name=no_such:net": "no installed module 'no_such' & --network-from",
    "run none --set model.name=os:path": "model.name 'os:path': is no function",
    "run none --set model.name=''": "unknown model.name '' & lenet5",
    f"run none --set model.name={LONG}": "unknown model.name 'xxx & lenet5",
}

PARAMETERS = {
    "focal_loss gamma": "-p 'gamma': write key=value, for instance -p gamma=2",
    "focal_loss =2": "-p '=2': write key=value",
    "focal_loss .gamma=1": "write key=value",
    "focal_loss gamma=[": "-p gamma, line 1 & not valid YAML",
    "focal_loss gamma=.nan": "parameter 'gamma' & finite number",
    "focal_loss gamma=fast": "parameter 'gamma' & valid number, not 'fast'",
    "focal_loss gamma=true": "parameter 'gamma' & valid number",
    "focal_loss gamma=": "parameter 'gamma' & valid number",
    "focal_loss gamma=-1": "parameter 'gamma' & greater than or equal to 0",
    "focal_loss gamma=1:10": "parameter 'gamma' & valid number, not '1:10'",
    f"focal_loss gamma={BIG}": "parameter 'gamma' & valid number, not 999",
    f"focal_loss gamma={LONG}": "parameter 'gamma' & valid number, not 'xxx",
    "focal_loss gama=2": "'gama'; did you mean 'gamma'? & known: alpha, gamma",
    f"focal_loss {LONG}=2": "unknown parameter & known: alpha, gamma",
    "focal_loss focal.gamma=2": "unknown strategy 'focal' & did you mean 'focal_loss'?",
    "focal_loss gamma={a: 1, a: 2}": "the key 'a' stands here twice",
    "focal_loss alpha=quick": "parameter 'alpha' & 'none' or 'balanced', not 'quick'",
    "class_weight normalize=false": "parameter 'weights' is required: give it with -p weights=",
    "class_weight weights=3": "parameter 'weights' & dictionary",
    "class_weight weights=[1,2]": "parameter 'weights' & dictionary",
    "class_weight weights={0:1}": "a space must follow each colon",
    "class_weight weights={0: x}": "parameter 'weights.0' & valid number",
    "class_weight weights={0: .inf}": "parameter 'weights.0' & finite number",
    "class_weight weights={0: 1, '0': 2}": "the key '0' stands here twice",
    "none gamma=2": "strategy 'none' has no parameters, but got 'gamma'",
    "undersampling+focal_loss x=1": "'x'",
    "focal_loss+balanced_class_weight power=9": "parameter 'power' & less than or equal to 1.5",
    "batch_size_scaling confidence=2": "parameter 'confidence' & less than",
}

STRATEGIES = {
    "": "strategy '': a part is empty",
    "+": "strategy '+': a part is empty",
    "none+": "a part is empty; join whole names",
    "none+nope": "unknown strategy 'nope'",
    "focal_loss+focal_loss": "names a part twice",
    "none none": "unknown strategy 'none none'",
    "../x": "unknown strategy '../x'",
    "a\nb": "unknown strategy 'a\\nb'",
    "\x1b[31m": "unknown strategy '\\x1b[31m'",
    "\u202enone": "unknown strategy '\\u202enone'",
    LONG: "unknown strategy 'xxx & …xxx & known: balanced_class_weight",
}

FILES = {
    "": "empty; give at least one key",
    "# nothing\n": "empty; give at least one key",
    "- a\n- b\n": "holds [a, b], not keys",
    "text\n": "holds text, not keys",
    "3\n": "holds 3, not keys",
    "train: [\n": "line 2 & not valid YAML",
    "train:\n\tepochs: 3\n": "line 2 & not valid YAML",
    "train:\n  epochs: 3\n  epochs: 4\n": "line 3 & the key 'epochs' stands here twice",
    "a: 1\n---\nb: 1\n": "line 2 & another document",
    "name: \x07\n": "not valid YAML: unacceptable character",
    "name: !!python/name:os.system\n": "there is no value of the kind",
    "? [a]\n: 4\n": "a key must be text",
    "train: &t {epochs: *t}\n": "train.epochs is & a whole number",
    "data: &d {classes: [*d]}\n": "data.classes[0] is & text",
    "[" * 5000: "nested too deeply",
    "trian: {epochs: 3}\n": "unknown key 'trian' & did you mean 'train'?",
    "train: {epochs: soon}\n": "train.epochs is soon & a whole number",
    "model: {name: net, network_from: nets.py}\n": "code is taken only from where the command line",
    "data: {source: folder}\n": "data.path is missing",
    "data: {source: folder, path: nowhere}\n": "no directory; it must hold one sub-folder a class",
    "data: {path: ~no_such_user/x, source: folder}\n": "no such user's home",
}


@pytest.mark.parametrize(("arguments", "words"), OPTIONS.items())
def test_malformed_arguments(refuses, arguments, words):
    refuses(arguments.split(), words)


def test_a_report_of_nothing(refuses, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    refuses(["report", "nope"], "nothing is recorded yet in & start with harness compare")


@pytest.mark.parametrize(("parameter", "words"), PARAMETERS.items())
def test_a_malformed_parameter(refuses, parameter, words):
    strategy, _, pair = parameter.partition(" ")
    refuses(["run", strategy, "-p", pair], words)


@pytest.mark.parametrize(("strategy", "words"), STRATEGIES.items())
def test_a_malformed_strategy(refuses, strategy, words):
    refuses(["run", "--", strategy], words)


@pytest.mark.parametrize(("text", "words"), FILES.items())
def test_a_malformed_file(refuses, tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    refuses(["data", "-c", str(path)], f"{words} & {path.name if 'data:' not in text else ''}")


@pytest.mark.parametrize(
    ("content", "words"), [(b"\xff\xfen", "not a text file in UTF-8"), (b"name: \xe9\n", "UTF-8")]
)
def test_a_file_that_is_no_text(refuses, tmp_path, content, words):
    (tmp_path / "mine.yaml").write_bytes(content)
    refuses(["data", "-c", "mine.yaml"], words)


@pytest.mark.parametrize("value", ["abc", "-1", "0", "1.5", "99999999999999999999"])
def test_a_number_of_threads_that_is_none(refuses, monkeypatch, value):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", value)
    refuses(["run", "none"], f"TF_NUM_INTRAOP_THREADS is '{value}' & a whole number from 1 to 1024")


JOURNALS = {
    "half a line": (b'{"op_code": 0, "worker_id"', "it ends in half a line"),
    "no entries": (b"hello\nworld\n", "is no journal of Optuna's, or a damaged one"),
    "a list": (b"[1]\n", "is no journal of Optuna's, or a damaged one"),
    "no text": (b"\xff\xfe\x00\n", "is no journal of Optuna's, or a damaged one"),
    "half a line inside": (b'{"op_code"\n{"a": 1}\n', "is no journal of Optuna's"),
    "an unknown entry": (b'{"op_code": 99, "worker_id": "x"}\n', "is no journal of Optuna's"),
    "an entry without its parts": (b'{"op_code": 0}\n', "is no journal of Optuna's"),
}


@pytest.mark.parametrize("what", JOURNALS)
def test_a_malformed_journal(refuses, tmp_path, what):
    content, words = JOURNALS[what]
    (tmp_path / "study.log").write_bytes(content)
    storage = f"journal://{tmp_path}/study.log"
    refuses(["tune", "focal_loss", "--storage", storage], f"--storage {storage} & {words}")


STORAGES = {
    "journal:///": "/ is no file",
    "journal://~no_such_user/x": "no such user's home",
    "grpc://localhost": "write grpc://host:port",
    "grpc://localhost:99999999": "write grpc://host:port",
    "sqlite:///": "names no file & write sqlite:///path",
    "sqlite:////": "cannot be opened",
    "postgresql://me:secret@localhost:x/n": "'postgresql://me:***@localhost:x/n': no storage URL",
    "://": "no storage URL; write sqlite:///path",
}


@pytest.mark.parametrize(("storage", "words"), STORAGES.items())
def test_a_malformed_storage(refuses, storage, words):
    refuses(["tune", "focal_loss", "--storage", storage], f"--storage & {words}")
