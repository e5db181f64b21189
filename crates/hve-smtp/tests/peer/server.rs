//! A model of a server: it reads what a client says, chooses its replies from given numbers,
//! and knows itself what it has taken for whom.

/// What the server took, or said, or did.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) lmtp: bool,
    buffer: Vec<u8>,
    mode: Mode,
    choices: Vec<u8>,
    at: usize,
    mail: bool,
    /// Recipients of the present transaction, by the number in their address; accepted or not.
    accepted: Vec<usize>,
    /// Of all transactions: number of the recipient, and the content.
    pub(crate) taken: Vec<(usize, Vec<u8>)>,
    /// Content that came where nobody wanted it.
    pub(crate) unwanted: Vec<Vec<u8>>,
    /// Lines that are no command in this place.
    pub(crate) nonsense: Vec<String>,
    content: Vec<u8>,
    /// A chunk was refused, and those sent ahead may still come.
    chunk_refused: bool,
    /// The connection was closed from this end.
    pub(crate) closed: bool,
}

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Command,
    Data,
    Chunk {
        left: usize,
        last: bool,
    },
}

impl Server {
    pub(crate) fn new(lmtp: bool, choices: Vec<u8>) -> Self {
        Self {
            lmtp,
            choices,
            ..Self::default()
        }
    }

    /// One of `options`, by the next number.
    fn choose<T: Copy>(&mut self, options: &[T]) -> T {
        let number = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        options[usize::from(number) % options.len()]
    }

    /// Reads, and returns what is said.
    pub(crate) fn hear(&mut self, octets: &[u8]) -> Vec<u8> {
        self.buffer.extend_from_slice(octets);
        let mut out = Vec::new();
        while !self.closed && self.step(&mut out) {}
        out
    }

    fn step(&mut self, out: &mut Vec<u8>) -> bool {
        match self.mode {
            Mode::Command => {
                let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") else {
                    return false;
                };
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                self.command(&String::from_utf8(line).unwrap(), out);
            }
            Mode::Data => {
                let framed = [b"\r\n", &*self.buffer].concat();
                let Some(end) = framed.windows(5).position(|w| w == b"\r\n.\r\n") else {
                    return false;
                };
                let text = String::from_utf8(framed[..end + 2].to_vec()).unwrap();
                self.buffer.drain(..end + 3);
                self.content = text[2..].replace("\r\n.", "\r\n").into_bytes();
                if self.content.starts_with(b".") {
                    self.content.remove(0);
                }
                self.mode = Mode::Command;
                self.end_of_message(out);
            }
            Mode::Chunk { left, last } => {
                let octets = left.min(self.buffer.len());
                self.content.extend(self.buffer.drain(..octets));
                if octets < left {
                    self.mode = Mode::Chunk {
                        left: left - octets,
                        last,
                    };
                    return false;
                }
                self.mode = Mode::Command;
                self.end_of_chunk(last, out);
            }
        }
        true
    }

    fn command(&mut self, line: &str, out: &mut Vec<u8>) {
        match line.get(..4).unwrap_or("") {
            "RSET" => {
                self.forget();
                self.say(&[250], out);
            }
            "MAIL" => {
                assert!(!self.mail, "MAIL within a transaction: {line}");
                self.mail = self.say(&[250, 250, 250, 250, 451, 550, 530], out) < 300;
            }
            "RCPT" => {
                let code = self.say(&[250, 250, 250, 251, 450, 550, 552, 421], out);
                let number = line.split(['<', '@']).nth(1).unwrap();
                if code < 300 && self.mail {
                    self.accepted.push(number[1..].parse().unwrap());
                }
            }
            "DATA" => {
                let nobody = self.accepted.is_empty() || !self.mail;
                let options: &[u16] = match (nobody, self.lmtp) {
                    (false, _) => &[354, 354, 354, 354, 354, 451, 554],
                    // RFC 2033 §4.2 forbids anything else; RFC 2920 §3.1 warns of it.
                    (true, true) => &[503],
                    (true, false) => &[503, 354],
                };
                if self.say(options, out) == 354 {
                    self.content.clear();
                    self.mode = Mode::Data;
                }
            }
            "BDAT" => {
                let mut words = line.split_whitespace().skip(1);
                let left = words.next().unwrap().parse().unwrap();
                let last = words.next().is_some();
                self.mode = Mode::Chunk { left, last };
            }
            "QUIT" => {
                self.say(&[221], out);
                self.closed = true;
            }
            _ => self.nonsense.push(line.to_owned()),
        }
    }

    fn end_of_chunk(&mut self, last: bool, out: &mut Vec<u8>) {
        if self.accepted.is_empty() {
            let content = std::mem::take(&mut self.content);
            if !self.chunk_refused {
                self.unwanted.push(content);
            }
            self.say(&[503], out);
        } else if last {
            self.end_of_message(out);
        } else if self.say(&[250, 250, 250, 451, 552], out) >= 400 {
            // RFC 3030 §2: nothing but RSET helps.
            self.accepted.clear();
            self.content.clear();
            self.chunk_refused = true;
        }
    }

    fn end_of_message(&mut self, out: &mut Vec<u8>) {
        let content = std::mem::take(&mut self.content);
        let accepted = std::mem::take(&mut self.accepted);
        if accepted.is_empty() && !content.is_empty() {
            self.unwanted.push(content.clone());
        }
        let options = [250, 250, 250, 250, 451, 554, 421, 0];
        if self.lmtp {
            for number in accepted {
                if !self.closed && self.say(&options, out) == 250 {
                    self.taken.push((number, content.clone()));
                }
            }
        } else if self.say(&options, out) == 250 {
            let all = accepted.into_iter().map(|number| (number, content.clone()));
            self.taken.extend(all);
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.mail = false;
        self.chunk_refused = false;
        self.accepted.clear();
    }

    /// Says one of the codes, in one line or two; 0 closes in place of a reply, as 421 does
    /// after it.
    fn say(&mut self, options: &[u16], out: &mut Vec<u8>) -> u16 {
        let code = self.choose(options);
        self.closed = matches!(code, 0 | 421);
        if code == 0 {
            return 999;
        }
        if self.choose(&[false, false, true]) {
            out.extend_from_slice(format!("{code}-first\r\n").as_bytes());
        }
        out.extend_from_slice(format!("{code} words\r\n").as_bytes());
        code
    }
}
