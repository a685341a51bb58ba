"""How to call the server from a program, as Markdown for the Gradio pages."""

from __future__ import annotations

_TEXT = """
**Python** (`pip install gradio_client`)

```python
from gradio_client import Client, handle_file

client = Client("{base}"{python_headers})
{python_result} = client.predict(
    image=handle_file("photo.jpg"), {python_arguments},
    api_name="/{endpoint}",
)
```

**Plain HTTP**: send the picture, ask for {asked}, read the answer.

```bash
BASE={base}/gradio_api{curl_header_variable}
FILE=$(curl -s{curl_header} -F files=@photo.jpg $BASE/upload | cut -d'"' -f2)
ID=$(curl -s{curl_header} -H 'Content-Type: application/json' $BASE/call/{endpoint} -d '{{"data":
  [{{"path": "'"$FILE"'", "meta": {{"_type": "gradio.FileData"}}}}, \
{json_arguments}]}}' | cut -d'"' -f4)
curl -sN{curl_header} $BASE/call/{endpoint}/$ID      # the event `complete` holds {answer}
```

**MCP**: the server is at `{base}/gradio_api/mcp/`; the tool is called `{tool}`.
"""

_TRAIN_TEXT = """
**Python** (`pip install gradio_client`)

```python
from gradio_client import Client, handle_file

client = Client("{base}"{python_headers})
job = client.predict(
    source=handle_file("painting.jpg"), target=handle_file("photo.jpg"),
    method="sincut", preset="quick", minutes=10, overrides='{{"lambda_nce": 4}}',
    api_name="/train_start",
)
for told, picture in client.submit(job["id"], api_name="/train_watch"):
    print(told["state"], told["step"], told["losses"], picture)
told, checkpoint = client.predict(job["id"], api_name="/train_fetch")  # a zip
```

`/train_stop` ends a job early and keeps what it has learned. Whoever knows a job's id can watch,
stop and fetch it.

**Plain HTTP**: with a job's id, follow it, one event at each change.

```bash
BASE={base}/gradio_api{curl_header_variable}
ID=$(curl -s{curl_header} -H 'Content-Type: application/json' $BASE/call/train_watch \\
  -d '{{"data": ["JOB", 0]}}' | cut -d'"' -f4)
curl -sN{curl_header} $BASE/call/train_watch/$ID
```

**MCP**: the server is at `{base}/gradio_api/mcp/`; the tools are `train_start`, `train_watch` (tell
it for how many seconds), `train_stop` and `train_fetch`.
"""

_LIVE_TEXT = """
**Python** (`pip install websockets pillow`): one frame at a time, as JPEG; before each translated
frame comes a line of JSON with its number and its seconds. A frame sent while another still waits
takes its place.

```python
import io, json
from PIL import Image, ImageSequence
from websockets.sync.client import connect

address = "{stream}?checkpoint={checkpoint}&size=256"
with connect(address{python_headers}) as stream:
    print(stream.recv())  # ready, or what is wrong
    for number, frame in enumerate(ImageSequence.Iterator(Image.open("video.gif"))):
        content = io.BytesIO()
        frame.convert("RGB").save(content, "JPEG")
        stream.send(content.getvalue())
        told = json.loads(stream.recv())
        if "error" in told:
            raise SystemExit(told["error"])
        Image.open(io.BytesIO(stream.recv())).save(f"frame-{{number:04}}.png")
```
"""


def text(base: str, endpoint: str, checkpoint: str | None = None, *, password: bool = False) -> str:
    """Examples for translating with `endpoint` of the server at `base`.

    `checkpoint` is what the general endpoint is called with; the endpoint of one checkpoint needs
    none. With `password` they send one along.
    """
    identifier = "".join(c if c.isalnum() else "_" for c in endpoint)
    named = f'checkpoint="{checkpoint}", ' if checkpoint else ""
    return _filled(
        base,
        endpoint,
        password=password,
        tool="translate" if checkpoint else f"translate_with_{identifier}",
        python_result="path",
        python_arguments=f'{named}size="auto", strength=1.0',
        json_arguments=(f'"{checkpoint}", ' if checkpoint else "") + '"auto", 1.0',
        asked="its translation",
        answer="the PNG's url",
    )


def correspond_text(base: str, checkpoint: str, *, password: bool = False) -> str:
    """Examples for the figure and the numbers of one place; as `text` otherwise."""
    return _filled(
        base,
        "correspond",
        password=password,
        tool="correspond",
        python_result="path, report",
        python_arguments=f'checkpoint="{checkpoint}", x=320, y=200, layer="all", size=256',
        json_arguments=f'"{checkpoint}", 320, 200, "all", 256',
        asked="one of its places",
        answer="the figure's url and the numbers",
    )


def train_text(base: str, *, password: bool = False) -> str:
    """Examples for starting, watching and fetching a training job; as `text` otherwise."""
    return _TRAIN_TEXT.format(base=base, **_passing(password)).strip()


def live_text(base: str, checkpoint: str, *, password: bool = False) -> str:
    """An example for sending a stream of frames; as `text` otherwise."""
    headers = ', additional_headers={"Authorization": "Bearer PASSWORD"}' if password else ""
    stream = "ws" + base.removeprefix("http") + "/live/stream"
    return _LIVE_TEXT.format(stream=stream, checkpoint=checkpoint, python_headers=headers).strip()


def _filled(base: str, endpoint: str, *, password: bool, **parts: str) -> str:
    return _TEXT.format(base=base, endpoint=endpoint, **_passing(password), **parts).strip()


def _passing(password: bool) -> dict[str, str]:
    """The parts of an example that send the password along, if there is one."""
    return dict(
        python_headers=', headers={"Authorization": "Bearer PASSWORD"}' if password else "",
        curl_header=' -H "$AUTH"' if password else "",
        curl_header_variable="; AUTH='Authorization: Bearer PASSWORD'" if password else "",
    )
