//! Connect, push, pop: `cargo run -p rbq-client --example hello [redis://…]`.

use rbq_client::{Client, Options, Target};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let target: Target = url.parse()?;
    let (client, _pushes) = Client::connect(&target, &Options::default()).await?;

    client.call(["LPUSH", "greetings", "hello", "hallo"]).await?;
    let popped = client.call(["RPOP", "greetings", "2"]).await?;
    #[expect(clippy::print_stdout, reason = "an example shows what it got")]
    {
        println!("{popped:?}");
    }
    Ok(())
}
