"""What the two halves of the web application, Streamlit and Gradio, share."""
