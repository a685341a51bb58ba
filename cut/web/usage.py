"""How to call the server from a program, as Markdown for the Gradio pages."""

from __future__ import annotations

_TEXT = """
**Python** (`pip install gradio_client`)

```python
from gradio_client import Client, handle_file

client = Client("{base}"{python_headers})
path = client.predict(
    image=handle_file("photo.jpg"), {python_checkpoint}size="auto", strength=1.0,
    api_name="/{endpoint}",
)
```

**Plain HTTP**: send the picture, ask for its translation, read the answer.

```bash
BASE={base}/gradio_api{curl_header_variable}
FILE=$(curl -s{curl_header} -F files=@photo.jpg $BASE/upload | cut -d'"' -f2)
ID=$(curl -s{curl_header} -H 'Content-Type: application/json' $BASE/call/{endpoint} -d '{{"data":
  [{{"path": "'"$FILE"'", "meta": {{"_type": "gradio.FileData"}}}}, \
{json_checkpoint}"auto", 1.0]}}' | cut -d'"' -f4)
curl -sN{curl_header} $BASE/call/{endpoint}/$ID      # the event `complete` holds the PNG's url
```

**MCP**: the server is at `{base}/gradio_api/mcp/`; the tool is called `{tool}`.
"""


def text(base: str, endpoint: str, checkpoint: str | None = None, *, password: bool = False) -> str:
    """Examples for `endpoint` of the server at `base`.

    `checkpoint` is what the general endpoint is called with; the endpoint of one checkpoint needs
    none. With `password` they send one along.
    """
    identifier = "".join(c if c.isalnum() else "_" for c in endpoint)
    return _TEXT.format(
        base=base,
        endpoint=endpoint,
        tool="translate" if checkpoint else f"translate_with_{identifier}",
        python_checkpoint=f'checkpoint="{checkpoint}", ' if checkpoint else "",
        json_checkpoint=f'"{checkpoint}", ' if checkpoint else "",
        python_headers=', headers={"Authorization": "Bearer PASSWORD"}' if password else "",
        curl_header=' -H "$AUTH"' if password else "",
        curl_header_variable="; AUTH='Authorization: Bearer PASSWORD'" if password else "",
    ).strip()
