//! Filters in the address: what stands behind the question mark, and addresses with other filters.

/// The parts of an address behind the question mark, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The pairs as they were read.
    pub const fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The value of `name`; none when it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _value)| key == name);
        found.map(|(_key, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of `name` that are not empty, in order.
    pub fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let named = self.0.iter().filter(move |(key, _value)| key == name);
        named.map(|(_key, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The values whose names end in `-` and `part`, without that: those of one line of a form of several.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        let of_part = |key: &str| Some(key.strip_suffix(part)?.strip_suffix('-')?.to_owned());
        Self(
            self.0.iter().filter_map(|(key, value)| Some((of_part(key)?, value.clone()))).collect(),
        )
    }

    /// The value of `name` as it was given, also with spaces at its ends; empty when it is missing.
    pub fn untrimmed(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _value)| key == name);
        found.map_or("", |(_key, value)| value.as_str())
    }

    /// The value of `name`, or the empty text.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether `name` has this value.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    /// The value of `name`, read as its type; none when it is missing or cannot be read.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// The same filters with `name` set to `value`.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.without(name).0;
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Self(pairs)
    }

    /// The same filters without `name`.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(key, _value)| key != name).cloned().collect())
    }

    /// Whether any of `names` is set.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    /// `path` with these filters.
    pub fn address(&self, path: &str) -> String {
        let mut address = path.to_owned();
        for (n, (key, value)) in self.0.iter().filter(|(_key, value)| !value.is_empty()).enumerate()
        {
            address.push(if n == 0 { '?' } else { '&' });
            address.push_str(&encoded(key));
            address.push('=');
            address.push_str(&encoded(value));
        }
        address
    }
}

/// `text` as one part of a path or query: everything but letters, digits and `-._~` as `%XX`.
///
/// Source: RFC 3986, 2.3.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to memory cannot fail");
        }
    }
    out
}

/// One part of a path as text; none where it is not text.
///
/// Source: RFC 3986, 2.1.
pub fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_reads_back() {
        for text in ["A-01", "A/01 & æ", "100%", ""] {
            assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
        }
        for broken in ["%", "%2", "%zz", "%FF"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_filter_goes_into_the_address_and_out_again() {
        let query = Query::default().with("bin", "A-01/2 & co").with("item", "");
        assert_eq!(query.address("/stock"), "/stock?bin=A-01%2F2%20%26%20co");
        assert_eq!(query.get("bin"), Some("A-01/2 & co"));
        assert_eq!(query.without("bin").address("/stock"), "/stock");
    }

    #[test]
    fn a_form_of_several_lines_is_read_line_by_line() {
        let pairs = [("line", "10"), ("line", "20"), ("handle-10", "1"), ("handle-20", " ")];
        let form = Query::new(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert_eq!(form.all("line").collect::<Vec<_>>(), ["10", "20"]);
        assert_eq!(form.part("10").get("handle"), Some("1"));
        assert_eq!(form.part("20").get("handle"), None);
        assert_eq!(form.part("0"), Query::default(), "not the end of a number");
    }

    #[test]
    fn an_empty_filter_is_none() {
        let query = Query::new(vec![("q".to_owned(), "  ".to_owned())]);
        assert_eq!(query.get("q"), None);
        assert_eq!(query.address("/x"), "/x?q=%20%20");
    }
}
