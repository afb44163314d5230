//! The switches of `crescendo-sim vpcd`: where the card is.

use crescendo_sim::Interface;

use super::CardArguments;

#[derive(clap::Args)]
pub(crate) struct VpcdArguments {
    /// Where pcscd with the vpcd driver runs.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// The TCP port of the reader.
    #[arg(long, default_value_t = 35963)]
    port: u16,
    /// There are two readers: the contactless one has the next port.
    #[arg(long)]
    two_readers: bool,
    #[command(flatten)]
    pub(crate) card: CardArguments,
}

impl VpcdArguments {
    /// The port of the reader for an interface.
    pub(crate) fn reader(&self, interface: Interface) -> u16 {
        self.port.saturating_add(u16::from(self.two_readers && interface == Interface::Contactless))
    }
}
