"""The web application: Streamlit for people at /, Gradio for programs at /gradio, on one port.

    python app.py [--host 127.0.0.1] [--port 7860]

`uvicorn app:app` and `streamlit run app.py` serve the same.
"""

import sys

from fastapi import FastAPI

from cut.web import server

if __name__ == "__main__":
    # Options and port are checked first; uvicorn then imports this file as the module `app`.
    sys.exit(server.main())

# A literal assignment: `streamlit run` looks for it in the source, without running it.
app = FastAPI(title="CUT", lifespan=server.lifespan, openapi_url=None)
server.furnish(app)
