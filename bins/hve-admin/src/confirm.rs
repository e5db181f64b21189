//! Asking before something is removed, or much is changed.

use std::io::{self, IsTerminal};

use crate::{
    cli::Confirmation,
    failure::{Failure, Result},
    output,
};

/// Goes on when the person says yes, or said it beforehand with `--yes`.
pub(crate) fn confirm(question: &str, confirmation: &Confirmation) -> Result<()> {
    if confirmation.yes {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(
            Failure::usage("there is no terminal to ask on, so nothing was changed")
                .hint("say --yes if you are sure"),
        );
    }
    let agreed = dialoguer::Confirm::new()
        .with_prompt(output::clean(question))
        .default(false)
        .interact()
        .map_err(|error| Failure::failed(format!("no answer: {error}")))?;
    if agreed {
        Ok(())
    } else {
        Err(Failure::failed("nothing was changed"))
    }
}
