"""What the patch view means, in words and as the formula."""

import streamlit as st

WORDS = """
The **positive** is the patch at the same place in the other picture: it shows the same thing before
and after, so to the model the two should look alike.

**Negatives** are patches from elsewhere in the photo: the model should tell them from this one,
and the hardest are those it nearly takes for it.

**The number** says how alike two patches look to the model: 1 is the same, 0 unrelated, below 0
opposed.
"""

FORMULA = (
    r"\ell = -\log\frac{e^{\,v\cdot v^{+}/\tau}}"
    r"{e^{\,v\cdot v^{+}/\tau}+\sum_{n}e^{\,v\cdot v^{-}_{n}/\tau}}"
)

MEANING = """
$v$ is the translated patch, $v^{+}$ the patch of the photo at its place, $v^{-}_n$ the negatives:
vectors of length one, so that $v\\cdot v^{+}$ is the number above. The fraction is the
**probability** that the patch is matched with its own place, and $\\ell$ the **loss** that training
makes small. $\\tau = %.2f$ makes it strict: to lead by %.2f doubles the odds. Pure guessing among
256 patches would be a probability of 0.4 %% and a loss of 5.55.
"""


def words() -> None:
    """Say in three sentences what is seen."""
    st.markdown(WORDS)


def formula(temperature: float) -> None:
    """Draw the loss, on demand, with the meaning of its letters."""
    with st.expander("The formula"):
        st.latex(FORMULA)
        st.markdown(MEANING % (temperature, temperature * 0.6931))
