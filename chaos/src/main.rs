//! `chaos run`: rounds of mixed faults. `chaos node`: one node, as the runner starts it.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use chaos::{
    cluster::{Cluster, Engine},
    node::{self, NodeArgs},
};
use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(about = "Faults in a real cluster, and what every reader was told. Needs Linux and root.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rounds of mixed faults on three nodes under load; ends with an error at the first that is not survived.
    Run {
        /// How many.
        #[arg(long, default_value_t = 10)]
        rounds: u32,
        /// How the nodes reach each other.
        #[arg(long, value_enum, default_value_t = Kind::Zenoh)]
        engine: Kind,
        /// How many NATS servers there are: one, or three that each keep everything.
        #[arg(long, default_value_t = 3, value_parser = one_or_three)]
        servers: usize,
        /// Decides which faults, and in which order.
        #[arg(long, env = "CHAOS_SEED")]
        seed: Option<u64>,
        /// Where the nodes' logs go.
        #[arg(long, default_value = "target/chaos")]
        logs: PathBuf,
    },
    /// One node: takes orders on its standard input.
    #[command(hide = true)]
    Node(NodeArgs),
}

fn one_or_three(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3: of two, both would have to live".to_owned()),
    }
}

/// An engine, by its name.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Zenoh,
    Nats,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run { rounds, engine, servers, seed, logs } => {
            let engine = match engine {
                Kind::Zenoh => Engine::Zenoh,
                Kind::Nats => Engine::Nats { servers },
            };
            run(rounds, engine, seed.unwrap_or_else(|| fastrand::u64(..)), logs).await
        }
        Command::Node(arguments) => {
            tracing_subscriber::fmt()
                .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
                .with_writer(std::io::stderr)
                .with_ansi(false)
                .init();
            node::run(arguments).await
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program for people")]
async fn run(rounds: u32, engine: Engine, seed: u64, logs: PathBuf) -> Result<(), String> {
    println!("chaos: {engine:?}, seed {seed}; logs of the nodes in {}", logs.display());
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut cluster = Cluster::start(&binary, &logs, seed, engine).await;
    for number in 1..=rounds {
        let (fault, began) = (cluster.any_fault(), Instant::now());
        cluster.suffer(fault).await;
        let round = cluster.check().await;
        println!(
            "round {number}: {fault:?}: {:.1} s, {} messages heard, {} gaps told and {} damaged frames dropped since the \
             nodes began",
            began.elapsed().as_secs_f32(),
            round.heard,
            round.gaps,
            round.damaged
        );
        if !round.faults.is_empty() {
            return Err(format!("round {number}, seed {seed}: {}", round.faults.join("\n")));
        }
    }
    println!("chaos: {rounds} rounds survived");
    Ok(())
}
