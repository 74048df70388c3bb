package provider_test

import (
	"os"
	"testing"

	"github.com/usher-oauth/usher/internal/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// Everything that depends on what a database promises, once more on a server:
// newServer goes by the name of the test.
func TestOnPostgres(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){
		"RefreshRotates":                        TestRefreshRotates,
		"ARetryWithinTheGraceGetsTheSameAnswer": TestARetryWithinTheGraceGetsTheSameAnswer,
		"ReuseEndsTheGrant":                     TestReuseEndsTheGrant,
		"ParallelRefreshesHaveOneSuccessor":     TestParallelRefreshesHaveOneSuccessor,
		"RefreshLifetimeIsAbsolute":             TestRefreshLifetimeIsAbsolute,
		"ARefusedRefreshUsesNothingUp":          TestARefusedRefreshUsesNothingUp,
		"AnotherClientsReuseEndsNothing":        TestAnotherClientsReuseEndsNothing,
		"NarrowerUsersAndClients":               TestNarrowerUsersAndClientsNarrowTheNextRefresh,
		"ForgedRefreshTokensAreNothing":         TestForgedRefreshTokensAreNothing,
		"EveryRefusedLoginLooksAlike":           TestEveryRefusedLoginLooksAlike,
		"AnImportedHashIsRenewedAtLogin":        TestAnImportedHashIsRenewedAtLogin,
		"ChangePassword":                        TestChangePassword,
		"AResetWinsOverAChangeUnderWay":         TestAResetWinsOverAChangeUnderWay,
		"IntrospectionDescribesEachKind":        TestIntrospectionDescribesEachKind,
		"FiftyRotationsBreakNoCachingVerifier":  TestFiftyRotationsBreakNoCachingVerifier,
		"Revocation":                            TestRevocation,
		"WhatEndsAUserOrClientEndsItForGood":    TestWhatEndsAUserOrClientEndsItForGood,
		"WhatIsIssuedAfterAnEventWorks":         TestWhatIsIssuedAfterAnEventWorksEverywhereAtOnce,
		"WhatIsRememberedDiesWithItsChange":     TestWhatIsRememberedDiesWithItsChange,
		"ANewSecretWorksAtOnce":                 TestANewSecretWorksAtOnce,
		"ARemovedUserIsGone":                    TestARemovedUserIsGone,
		"ARevocationOutlivesTokens":             TestARevocationOutlivesTokensOfALongerLifetime,
		"ALogoutAfterTheSession":                TestALogoutAfterTheSessionEndsItsLastAccessToken,
		"TokensComeFromTheSigningKeyOfNow":      TestTokensComeFromTheSigningKeyOfNow,
		"WithoutTheDatabaseNoTokenIsAccepted":   TestWithoutTheDatabaseNoTokenIsAccepted,
		"ReadyNeedsTheDatabaseAndAKey":          TestReadyNeedsTheDatabaseAndAKey,
		"TokenRefuses":                          TestTokenRefuses,
		"ClientsProveThemselvesInEveryWay":      TestClientsProveThemselvesInEveryWay,
		"AnOldSecretWorksUntilItsTime":          TestAnOldSecretWorksUntilItsTime,
		"ThrottlingTellsNoNameFromAnother":      TestThrottlingTellsNoNameFromAnother,
		"TheOwnerAtHome":                        TestTheOwnerAtHomeIsNotLockedOutByStrangers,
		"ParallelGuesses":                       TestParallelGuessesSpendExactlyTheBudget,
		"ParallelLoginsOfOneUser":               TestParallelLoginsOfOneUserAllSucceed,
		"TheSameWrongPasswordFailsOnce":         TestTheSameWrongPasswordFailsOnce,
		"AWrongCurrentPasswordIsAFailedLogin":   TestAWrongCurrentPasswordIsAFailedLogin,
		"WithoutTheDatabaseNothingIsChecked":    TestWithoutTheDatabaseNothingIsChecked,
		"ClientsAreThrottled":                   TestClientsAreThrottled,
		"ParallelSecrets":                       TestParallelSecretsAreOneTry,
		"TokensOfEitherTypeAreLookedAfter":      TestTokensOfEitherTypeAreLookedAfter,
		"LongLivedTokensStayEnded":              TestLongLivedTokensStayEnded,
		"RotationsOfLines":                      TestRotationsOfLinesBreakNoCachingVerifier,
		"NodesLearnOfProfiles":                  TestNodesLearnOfProfiles,
	} {
		t.Run(name, test)
	}
}
