//! Amounts of money beside a model: a whole number of ten-thousandths, written by hand.

use crm_core::FieldErrors;
use crm_core::input::{At, FromJson};
use crm_core::values::Money;
use proptest::prelude::*;
use serde_json::Value;

/// 10^14 in ten-thousandths.
const BOUND: i64 = 10_i64.pow(18);

fn read(amount: &str) -> Option<Money> {
    let value: Value = serde_json::from_str(&format!("{{\"amount\":{amount},\"code\":\"EUR\"}}")).ok()?;
    Money::from_json(&value, &At::field("value"), &mut FieldErrors::new())
}

/// So many ten-thousandths, with all four decimals and `more` zeros behind them.
fn written(units: i64, more: usize) -> String {
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    format!("{sign}{}.{:04}{}", units / 10_000, units % 10_000, "0".repeat(more))
}

proptest! {
    /// What was sent is what is kept and given back, to the last decimal.
    #[test]
    fn an_amount_is_exact(units in -BOUND + 1..BOUND, more in 0..8_usize) {
        let money = read(&written(units, more)).expect("an amount within the bounds");
        prop_assert_eq!(money.units(), units);
        let shown = serde_json::to_value(money).expect("money is JSON");
        let again = Money::from_json(&shown, &At::field("value"), &mut FieldErrors::new());
        prop_assert_eq!(again, Some(money));
    }

    /// With an exponent it is the same amount.
    #[test]
    fn an_exponent_changes_nothing(units in -BOUND + 1..BOUND, shift in 0..10_i32) {
        let money = read(&format!("{units}e{shift}")).map(|money| i128::from(money.units()));
        let expected = i128::from(units) * 10_i128.pow(4 + shift.unsigned_abs());
        prop_assert_eq!(money, Some(expected).filter(|units| units.abs() < i128::from(BOUND)));
    }

    /// A fifth decimal, or 10^14, is refused and never rounded.
    #[test]
    fn what_cannot_be_kept_is_refused(units in -BOUND + 1..BOUND, digit in 1..10_u8, zeros in 0..6_usize) {
        let finer = format!("{}{}{digit}", written(units, 0), "0".repeat(zeros));
        prop_assert_eq!(read(&finer), None, "{}", finer);
        let beyond = i128::from(units.signum().min(0) * 2 + 1) * (i128::from(BOUND) + i128::from(units.unsigned_abs()));
        let beyond = format!("{}.{:04}", beyond / 10_000, (beyond % 10_000).unsigned_abs());
        prop_assert_eq!(read(&beyond), None, "{}", beyond);
    }
}
