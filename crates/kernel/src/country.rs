//! Countries: the codes of ISO 3166-1 alpha-2.

const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH \
GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB \
LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM \
PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Whether the text is a code of ISO 3166-1 alpha-2.
#[must_use]
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && CODES.split(' ').any(|assigned| assigned == code)
}

/// The member states of the European Union.
const EUROPEAN_UNION: &str =
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";

/// Whether a country is a member of the European Union.
#[must_use]
pub fn in_european_union(code: &str) -> bool {
    EUROPEAN_UNION.split(' ').any(|member| member == code)
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes() {
        for good in ["AU", "GB", "FR", "US"] {
            assert!(super::is_country(good));
        }
        for bad in ["au", "UK", "XX", "", "AUS", "A ", " "] {
            assert!(!super::is_country(bad), "{bad}");
        }
    }

    #[test]
    fn members_of_the_union_are_countries() {
        assert_eq!(
            super::EUROPEAN_UNION.split(' ').filter(|code| super::is_country(code)).count(),
            27
        );
        assert!(
            super::in_european_union("FR")
                && !super::in_european_union("GB")
                && !super::in_european_union("")
        );
    }
}
