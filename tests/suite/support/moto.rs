//! moto: AWS as a Python project plays it, started by the test that needs it.

use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{repository, target};

/// A moto server of the test's own, ended with it.
pub struct Moto {
    server: Child,
    port: u16,
}

impl Moto {
    /// Where `tests/setup/moto.sh` puts it.
    pub fn installed() -> Option<PathBuf> {
        let home = target().join("moto");
        // Written last, so that an installation that was interrupted does not count.
        home.join("installed.txt")
            .is_file()
            .then(|| home.join("bin"))
    }

    /// Starts a server on a free port of the loopback interface and waits for it.
    pub fn start(bin: &Path) -> Self {
        // The port is free when asked; another process may take it before moto does.
        for _ in 0..5 {
            let port = free_port();
            let mut server = Command::new(bin.join("moto_server"))
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
                .env("AWS_ACCESS_KEY_ID", "moto")
                .env("AWS_SECRET_ACCESS_KEY", "moto")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("moto_server is installed");
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(60) {
                if server.try_wait().is_ok_and(|ended| ended.is_some()) {
                    break;
                }
                if answers(port) {
                    return Moto { server, port };
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        panic!("moto_server does not start");
    }

    /// Where it answers.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs `tests/servers/<script>` against it; gives what the script prints.
    pub fn seed(&self, bin: &Path, script: &str) -> String {
        let output = Command::new(bin.join("python"))
            .arg(repository().join("tests/servers").join(script))
            .arg(self.address())
            .env("AWS_ACCESS_KEY_ID", "moto")
            .env("AWS_SECRET_ACCESS_KEY", "moto")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .output()
            .expect("python is installed");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("the loopback interface has free ports")
        .port()
}

/// Whether something speaks HTTP there.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = b"GET /moto-api/ HTTP/1.0\r\n\r\n";
    let mut answer = [0; 5];
    let asked = std::io::Write::write_all(&mut stream, request);
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/"
}
